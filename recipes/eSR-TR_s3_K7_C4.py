"""The released model `fine` at ×3."""

from thinlens.data.pairs import Sampling
from thinlens.training import LeastSquares, Recipe

recipe = Recipe(
    "eSR-TR_s3_K7_C4",
    LeastSquares(samples=400_000, starts=2, steps=50),
    loss="log-mse",
    sampling=Sampling(per_photo=3, reductions=(2, 3)),
)
