"""The released FSRCNN_s4_D56_S12_M4."""

from thinlens.data.pairs import Sampling
from thinlens.training import GradientDescent, Recipe

recipe = Recipe(
    "FSRCNN_s4_D56_S12_M4",
    GradientDescent("soap", steps=25_000, batch=32, patch=32, learning_rate=6e-3, precision="bfloat16"),
    loss="log-mse",
    sampling=Sampling(per_photo=3, reductions=(2, 3)),
)
