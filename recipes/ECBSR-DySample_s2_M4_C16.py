"""ECBSR_s2_M4_C16 with DySample in the place of its pixel shuffle, trained as its plain twin."""

from thinlens.data.pairs import Sampling
from thinlens.training import GradientDescent, Recipe

recipe = Recipe(
    "ECBSR-DySample_s2_M4_C16",
    GradientDescent("soap", steps=8000, batch=32, patch=48, learning_rate=7e-3, precision="bfloat16"),
    loss="log-mse",
    sampling=Sampling(per_photo=3, reductions=(2, 3)),
)
