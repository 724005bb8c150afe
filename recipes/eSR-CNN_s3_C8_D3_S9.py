"""eSR-CNN_s3_C8_D3_S9, which is not released: this gave
32.32 / 28.59 / 28.17 dB (Set5, Set14, BSD100) against 32.52 / 29.19 / 28.23 of the published weights; one picture of
Set14 is spoilt by a template that never should be chosen.
"""

from thinlens.data.pairs import Sampling
from thinlens.train import Recipe

recipe = Recipe(
    "eSR-CNN_s3_C8_D3_S9",
    optimizer="soap",
    loss="log-mse",
    steps=30_000,
    batch=8,
    patch=44,
    learning_rate=1.5e-2,
    stretched=0.3,
    seed=1,
    sampling=Sampling(per_photo=3, reductions=(2, 3)),
)
