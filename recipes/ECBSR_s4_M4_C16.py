"""The released ECBSR_s4_M4_C16."""

from thinlens.data.pairs import Sampling
from thinlens.training import GradientDescent, Recipe

recipe = Recipe(
    "ECBSR_s4_M4_C16",
    GradientDescent("soap", steps=30_000, batch=32, patch=32, learning_rate=5e-3, precision="bfloat16"),
    loss="log-mse",
    sampling=Sampling(per_photo=3, reductions=(2, 3)),
)
