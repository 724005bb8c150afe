"""The released ECBSR_s3_M4_C16."""

from thinlens.data.pairs import Sampling
from thinlens.training import Recipe

recipe = Recipe(
    "ECBSR_s3_M4_C16",
    optimizer="soap",
    loss="log-mse",
    steps=50_000,
    batch=16,
    patch=44,
    learning_rate=5e-3,
    seed=1,
    precision="bfloat16",
    sampling=Sampling(per_photo=3, reductions=(2, 3)),
)
