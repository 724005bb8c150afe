"""The released networks for JPEG files, each by its name: `recipes/compressed.py:ECBSR_s2_M2_C8.jpeg-low`.

Networks of many layers that enlarge start from those for clean pictures, `--start src/thinlens/models/ID.safetensors`,
which saves nine tenths of the steps.
"""

from thinlens.data.compression import DEGREES
from thinlens.data.pairs import Sampling
from thinlens.training import GradientDescent, LeastSquares, Recipe

SAMPLING = Sampling(per_photo=3, reductions=(2, 3))
FITTED = LeastSquares(samples=200_000, starts=6, steps=30)
OPTIMIZERS = {f"eSR-MAX_s{scale}_K3_C2": FITTED for scale in (2, 3, 4)}
for scale, steps in ((2, 3000), (3, 300), (4, 300)):
    for size in ("M2_C8", "M4_C8", "M4_C16"):
        OPTIMIZERS[f"ECBSR_s{scale}_{size}"] = GradientDescent("soap", steps, 16, 48, learning_rate=3e-3, average=0.99)
for size in ("M2_C8", "M4_C16"):
    OPTIMIZERS[f"ECBSR_s1_{size}"] = GradientDescent("soap", 700, 16, 48, learning_rate=5e-3, average=0.99)
recipes = {
    f"{identifier}.{source}": Recipe(identifier, optimizer, "log-mse", sampling=SAMPLING, compression=compression)
    for identifier, optimizer in OPTIMIZERS.items()
    for source, compression in DEGREES.items()
}
balanced = "ECBSR_s2_M2_C8.jpeg-medium"  # most files are of this degree, and most of them go through this
recipes[balanced] = recipes[balanced].overridden(steps=12_000)
for size in ("M2_C8", "M4_C8", "M4_C16"):
    name = f"ECBSR_s2_{size}.h264"
    recipes[name] = recipes[name].overridden(steps=700)
