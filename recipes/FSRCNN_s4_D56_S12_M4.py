"""A beginning for FSRCNN_s4_D56_S12_M4, which is not released yet."""

from thinlens.data.pairs import Sampling
from thinlens.train import Recipe

recipe = Recipe(
    "FSRCNN_s4_D56_S12_M4",
    optimizer="soap",
    loss="log-mse",
    steps=3000,
    batch=64,
    patch=32,
    learning_rate=3e-3,
    sampling=Sampling(per_photo=3, reductions=(2, 3)),
)
