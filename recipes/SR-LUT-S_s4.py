"""SR-LUT-S_s4, before its table is fine-tuned."""

from thinlens.data.pairs import Sampling
from thinlens.training import GradientDescent, Recipe

recipe = Recipe(
    "SR-LUT-S_s4",
    GradientDescent("soap", steps=2_000, batch=16, patch=24, learning_rate=5e-3, precision="bfloat16"),
    loss="log-mse",
    sampling=Sampling(per_photo=3, reductions=(2, 3)),
)
