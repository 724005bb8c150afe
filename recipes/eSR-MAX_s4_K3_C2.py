"""The released model `fast` at ×4."""

from thinlens.data.pairs import Sampling
from thinlens.training import LeastSquares, Recipe

recipe = Recipe(
    "eSR-MAX_s4_K3_C2",
    LeastSquares(samples=1_000_000, starts=32, steps=60),
    loss="log-mse",
    sampling=Sampling(per_photo=3, reductions=(2, 3)),
)
