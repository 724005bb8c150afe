"""eSR-CNN_s4_C8_D3_S9, which is not released: this gave
30.15 / 27.29 / 26.78 dB (Set5, Set14, BSD100) against 30.32 / 27.40 / 26.78 of the published weights.
"""

from thinlens.data.pairs import Sampling
from thinlens.train import Recipe

recipe = Recipe(
    "eSR-CNN_s4_C8_D3_S9",
    optimizer="soap",
    loss="log-mse",
    steps=30_000,
    batch=8,
    patch=32,
    learning_rate=1.5e-2,
    stretched=0.3,
    seed=1,
    sampling=Sampling(per_photo=3, reductions=(2, 3)),
)
