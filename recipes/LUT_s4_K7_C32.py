"""The released LUT_s4_K7_C32; its tables are fine-tuned by `thinlens convert --fine-tune`."""

from thinlens.data.pairs import Sampling
from thinlens.training import GradientDescent, Recipe

recipe = Recipe(
    "LUT_s4_K7_C32",
    GradientDescent("soap", steps=3000, batch=32, patch=40, learning_rate=7e-3),
    loss="log-mse",
    sampling=Sampling(per_photo=3, reductions=(2, 3)),
)
