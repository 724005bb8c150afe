"""The released ESPCN_s2_D16_S32."""

from thinlens.data.pairs import Sampling
from thinlens.training import Recipe

recipe = Recipe(
    "ESPCN_s2_D16_S32",
    optimizer="soap",
    loss="log-mse",
    steps=7000,
    batch=32,
    patch=48,
    learning_rate=7e-3,
    precision="bfloat16",
    sampling=Sampling(per_photo=3, reductions=(2, 3)),
)
