"""The released LUT_s2_K5_C8; its tables are fine-tuned by `thinlens convert --fine-tune`."""

from thinlens.data.pairs import Sampling
from thinlens.training import GradientDescent, Recipe

recipe = Recipe(
    "LUT_s2_K5_C8",
    GradientDescent("soap", steps=5000, batch=32, patch=40, learning_rate=7e-3),
    loss="log-mse",
    sampling=Sampling(per_photo=3, reductions=(2, 3)),
)
