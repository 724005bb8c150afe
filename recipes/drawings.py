"""ESPCN and eSR-CNN that see drawings too, for comparison, not released: `recipes/drawings.py:ID.drawings`.

Each begins with the released network of that id, `--start src/thinlens/models/ID.safetensors`, trained on photos
alone; docs/networks.md has what came of it.
"""

from thinlens.data.pairs import Sampling
from thinlens.training import GradientDescent, Recipe

SAMPLING = Sampling(per_photo=3, reductions=(2, 3))
DRAWINGS = 0.03
recipes: dict[str, Recipe] = {}
for scale in (2, 3, 4):
    batch, patch = (32, 48) if scale == 2 else (64, 32)
    descent = GradientDescent("soap", 2500, batch, patch, learning_rate=3e-3, precision="bfloat16")
    name = f"ESPCN_s{scale}_D16_S32"
    recipes[f"{name}.drawings"] = Recipe(name, descent, "log-mse", sampling=SAMPLING, drawings=DRAWINGS)
    descent = GradientDescent("soap", 4000, 8, 48, learning_rate=5e-3)
    name = f"eSR-CNN_s{scale}_C8_D3_S9"
    recipes[f"{name}.drawings"] = Recipe(
        name, descent, "log-mse", stretched=0.3, seed=1, sampling=SAMPLING, drawings=DRAWINGS
    )
