"""The released model `balanced` at ×3."""

from thinlens.data.pairs import Sampling
from thinlens.training import Recipe

recipe = Recipe(
    "eSR-TR_s3_K5_C4",
    optimizer="least-squares",
    loss="log-mse",
    samples=500_000,
    starts=3,
    steps=60,
    sampling=Sampling(per_photo=3, reductions=(2, 3)),
)
