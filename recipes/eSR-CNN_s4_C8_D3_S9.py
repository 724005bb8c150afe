"""The released eSR-CNN_s4_C8_D3_S9."""

from thinlens.data.pairs import Sampling
from thinlens.training import GradientDescent, Recipe

recipe = Recipe(
    "eSR-CNN_s4_C8_D3_S9",
    GradientDescent("soap", steps=36_000, batch=8, patch=32, learning_rate=1.5e-2),
    loss="log-mse",
    stretched=0.3,
    epsilon=200.0,
    seed=1,
    sampling=Sampling(per_photo=3, reductions=(2, 3)),
)
