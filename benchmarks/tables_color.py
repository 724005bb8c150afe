"""Tables and color: each channel through the table, or luma through it and chroma by bicubic interpolation?

    python benchmarks/tables_color.py DATA/Kodak24

PSNR of luma and of all three channels (CPSNR) of `lut` at ×2, ×3 and ×4, and the time of one picture, medians in turn.
Written to results/tables-color.md.
"""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

import thinlens
from thinlens.data.degrade import crop_to_multiple, downscale
from thinlens.evaluation.metrics import psnr
from thinlens.evaluation.speed import machine
from thinlens.photo import read
from thinlens.program.ops import LUMA_WEIGHTS

RESULTS = Path(__file__).parent / "results"
SCALES = (2, 3, 4)
HEAD = """# Tables and color

`lut` on {folder}, {count} pictures; PSNR in dB, mean; milliseconds for a picture, 2 threads, median.
{machine}; {date}.
Made by `python benchmarks/tables_color.py`.

| scale | | luma | all channels | ms |
|---|---|---:|---:|---:|
"""


def each_channel(enlarge: Any, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Three gray pictures, enlarged by themselves."""
    return np.stack([enlarge(np.ascontiguousarray(picture[..., c]), threads=2) for c in range(3)], axis=-1)


def main() -> None:
    """See the top of this file."""
    folder = Path(sys.argv[1])
    pictures = [read(path).pixels[..., :3] for path in sorted(folder.iterdir()) if path.suffix == ".png"]
    lines = list[str]()
    for scale in SCALES:
        enlarge = thinlens.compile(thinlens.load("lut", scale=scale))
        ways: dict[str, Any] = {
            "luma, chroma bicubic": lambda low, e=enlarge: e(low, threads=2),
            "each channel": lambda low, e=enlarge: each_channel(e, low),
        }
        scores: dict[str, list[tuple[float, float, float]]] = {name: [] for name in ways}
        for picture in pictures:
            high = np.ascontiguousarray(crop_to_multiple(picture, scale))
            low = downscale(high, scale)
            for name, way in ways.items():
                way(low)
                start = perf_counter()
                result = way(low)
                seconds = perf_counter() - start
                inner = np.s_[scale:-scale, scale:-scale]
                gray = psnr((result @ LUMA_WEIGHTS)[inner], (high @ LUMA_WEIGHTS)[inner], data_range=255)
                color = psnr(result[inner].reshape(-1, 3), high[inner].reshape(-1, 3), data_range=255)
                scores[name].append((gray, color, seconds * 1e3))
        for name, each in scores.items():
            luma, color, _ = np.mean(each, axis=0)
            lines.append(f"| ×{scale} | {name} | {luma:.2f} | {color:.2f} | {np.median(each, axis=0)[2]:.1f} |")
    head = HEAD.format(folder=folder.name, count=len(pictures), machine=machine(), date=date.today().isoformat())
    (RESULTS / "tables-color.md").write_text(head + "\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
