"""The released eSR-CNN_s2_C8_D3_S9."""

from thinlens.data.pairs import Sampling
from thinlens.training import GradientDescent, Recipe

recipe = Recipe(
    "eSR-CNN_s2_C8_D3_S9",
    GradientDescent("soap", steps=40_000, batch=8, patch=48, learning_rate=1.5e-2),
    loss="log-mse",
    stretched=0.3,
    seed=1,
    sampling=Sampling(per_photo=3, reductions=(2, 3)),
)
