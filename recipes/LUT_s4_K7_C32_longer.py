"""The released LUT_s4_K7_C32: `--start` is the checkpoint that LUT_s4_K7_C32.py makes."""

from thinlens.data.pairs import Sampling
from thinlens.training import GradientDescent, Recipe

recipe = Recipe(
    "LUT_s4_K7_C32",
    GradientDescent("soap", steps=1500, batch=32, patch=40, learning_rate=4e-3),
    loss="log-mse",
    seed=1,
    sampling=Sampling(per_photo=3, reductions=(2, 3)),
)
