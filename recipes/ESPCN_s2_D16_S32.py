"""The released ESPCN_s2_D16_S32."""

from thinlens.data.pairs import Sampling
from thinlens.training import GradientDescent, Recipe

recipe = Recipe(
    "ESPCN_s2_D16_S32",
    GradientDescent("soap", steps=7000, batch=32, patch=48, learning_rate=7e-3, precision="bfloat16"),
    loss="log-mse",
    sampling=Sampling(per_photo=3, reductions=(2, 3)),
)
