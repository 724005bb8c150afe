"""The released model `balanced` at ×2."""

from thinlens.data.pairs import Sampling
from thinlens.training import Recipe

recipe = Recipe(
    "eSR-TR_s2_K5_C4",
    optimizer="least-squares",
    loss="log-mse",
    samples=800_000,
    starts=4,
    steps=100,
    sampling=Sampling(per_photo=3, reductions=(2, 3)),
)
