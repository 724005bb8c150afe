"""The released ECBSR_s3_M4_C16."""

from thinlens.data.pairs import Sampling
from thinlens.training import GradientDescent, Recipe

recipe = Recipe(
    "ECBSR_s3_M4_C16",
    GradientDescent("soap", steps=50_000, batch=16, patch=44, learning_rate=5e-3, precision="bfloat16"),
    loss="log-mse",
    seed=1,
    sampling=Sampling(per_photo=3, reductions=(2, 3)),
)
