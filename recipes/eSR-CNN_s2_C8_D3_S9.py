"""eSR-CNN_s2_C8_D3_S9, which is not released: this gave
36.49 / 32.33 / 31.16 dB (Set5, Set14, BSD100) against 36.50 / 32.39 / 31.19 of the published weights.
"""

from thinlens.data.pairs import Sampling
from thinlens.train import Recipe

recipe = Recipe(
    "eSR-CNN_s2_C8_D3_S9",
    optimizer="soap",
    loss="log-mse",
    steps=40_000,
    batch=8,
    patch=48,
    learning_rate=1.5e-2,
    stretched=0.3,
    seed=1,
    sampling=Sampling(per_photo=3, reductions=(2, 3)),
)
