"""The released model `fine` at ×4."""

from thinlens.data.pairs import Sampling
from thinlens.training import LeastSquares, Recipe

recipe = Recipe(
    "eSR-TR_s4_K7_C4",
    LeastSquares(samples=400_000, starts=6, grow=(3, 5), steps=50),
    loss="log-mse",
    sampling=Sampling(per_photo=3, reductions=(2, 3)),
)
