"""The released ESPCN and eSR-CNN, which have seen drawings too: `recipes/drawings.py:ESPCN_s2_D16_S32 --start FIRST`.

FIRST is the network of the recipe of its name, recipes/ESPCN_s2_D16_S32.py, trained on photos alone.
"""

from thinlens.data.pairs import Sampling
from thinlens.training import GradientDescent, Recipe

SAMPLING = Sampling(per_photo=3, reductions=(2, 3))
DRAWINGS = 0.03
recipes: dict[str, Recipe] = {}
for scale in (2, 3, 4):
    batch, patch = (32, 48) if scale == 2 else (64, 32)
    descent = GradientDescent("soap", 4000, batch, patch, learning_rate=3e-3, precision="bfloat16")
    name = f"ESPCN_s{scale}_D16_S32"
    recipes[name] = Recipe(name, descent, "log-mse", sampling=SAMPLING, drawings=DRAWINGS)
    descent = GradientDescent("soap", 8000, 8, 48, learning_rate=5e-3)
    name = f"eSR-CNN_s{scale}_C8_D3_S9"
    recipes[name] = Recipe(name, descent, "log-mse", stretched=0.3, seed=1, sampling=SAMPLING, drawings=DRAWINGS)
