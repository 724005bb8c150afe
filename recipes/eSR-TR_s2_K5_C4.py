"""The released model `balanced` at ×2."""

from thinlens.data.pairs import Sampling
from thinlens.training import LeastSquares, Recipe

recipe = Recipe(
    "eSR-TR_s2_K5_C4",
    LeastSquares(samples=800_000, starts=4, steps=100),
    loss="log-mse",
    sampling=Sampling(per_photo=3, reductions=(2, 3)),
)
