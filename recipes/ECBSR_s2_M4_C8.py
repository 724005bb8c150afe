"""The released ECBSR_s2_M4_C8."""

from thinlens.data.pairs import Sampling
from thinlens.training import Recipe

recipe = Recipe(
    "ECBSR_s2_M4_C8",
    optimizer="soap",
    loss="log-mse",
    steps=25_000,
    batch=16,
    patch=48,
    learning_rate=5e-3,
    precision="bfloat16",
    sampling=Sampling(per_photo=3, reductions=(2, 3)),
)
