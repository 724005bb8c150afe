"""The released model `fine` at ×2."""

from thinlens.data.pairs import Sampling
from thinlens.training import Recipe

recipe = Recipe(
    "eSR-TR_s2_K7_C4",
    optimizer="least-squares",
    loss="log-mse",
    samples=600_000,
    starts=3,
    steps=70,
    sampling=Sampling(per_photo=3, reductions=(2, 3)),
)
