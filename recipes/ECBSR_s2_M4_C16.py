"""The released ECBSR_s2_M4_C16."""

from thinlens.data.pairs import Sampling
from thinlens.training import Recipe

recipe = Recipe(
    "ECBSR_s2_M4_C16",
    optimizer="soap",
    loss="log-mse",
    steps=8000,
    batch=32,
    patch=48,
    learning_rate=7e-3,
    precision="bfloat16",
    sampling=Sampling(per_photo=3, reductions=(2, 3)),
)
