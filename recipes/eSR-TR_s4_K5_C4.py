"""The released model `balanced` at ×4."""

from thinlens.data.pairs import Sampling
from thinlens.training import LeastSquares, Recipe

recipe = Recipe(
    "eSR-TR_s4_K5_C4",
    LeastSquares(samples=500_000, starts=3, steps=60),
    loss="log-mse",
    sampling=Sampling(per_photo=3, reductions=(2, 3)),
)
