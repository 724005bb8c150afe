"""The released LUT_s2_K5_C16."""

from thinlens.data.pairs import Sampling
from thinlens.training import GradientDescent, Recipe

recipe = Recipe(
    "LUT_s2_K5_C16",
    GradientDescent("soap", steps=6000, batch=32, patch=32, learning_rate=7e-3, precision="bfloat16"),
    loss="log-mse",
    sampling=Sampling(per_photo=3, reductions=(2, 3)),
)
