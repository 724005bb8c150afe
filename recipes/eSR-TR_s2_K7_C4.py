"""The released model `fine` at ×2."""

from thinlens.data.pairs import Sampling
from thinlens.training import LeastSquares, Recipe

recipe = Recipe(
    "eSR-TR_s2_K7_C4",
    LeastSquares(samples=600_000, starts=3, steps=70),
    loss="log-mse",
    sampling=Sampling(per_photo=3, reductions=(2, 3)),
)
