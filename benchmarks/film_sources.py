"""What weights for compressed films gain: `python benchmarks/film_sources.py DATA/Kodak24`.

Films made of photos: each is shrunk to half, and a window of it moves by two pixels a frame while x264 compresses it at
a constant quality. PSNR of luma of three of the frames, enlarged twice, against the photo; the mean over all photos.
Written to results/film-sources.md.
"""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import thinlens
from thinlens import models
from thinlens.data.degrade import crop_to_multiple, downscale, upscale_bicubic
from thinlens.evaluation.metrics import psnr
from thinlens.evaluation.speed import machine
from thinlens.photo import read
from thinlens.program.ops import LUMA_WEIGHTS
from thinlens.video.crops import through_h264

RESULTS = Path(__file__).parent / "results"
CRF = (18, 23, 28, 32)
SIZE, FRAMES, STEP, SCORED = (208, 320), 12, 2, (3, 6, 10)
HEAD = """# Films

PSNR in dB of luma above bicubic interpolation, ×2, mean over {count} films made of the photos of {folder}, a pan of
{frames} frames of 320×208 pixels through x264 at a constant quality (CRF).
{machine}; {date}. Made by `python benchmarks/film_sources.py`.

| | source | {crf} |
|---|---|{columns}
"""


def luma(picture: NDArray[np.uint8]) -> NDArray[np.float64]:
    return picture @ np.array(LUMA_WEIGHTS)


def main() -> None:
    """See the top of this file."""
    folder = Path(sys.argv[1])
    files = sorted(path for path in folder.iterdir() if path.suffix == ".png")
    offered = {name: [s for s in models.sources(name, 2) if s in ("clean", "h264")] for name in models.PRESETS}
    scores: dict[tuple[str, str, int], list[float]] = {}
    for file in files:
        high = crop_to_multiple(read(file).pixels, 2)
        if high.shape[0] > high.shape[1]:
            high = np.ascontiguousarray(high.swapaxes(0, 1))
        low = downscale(high, 2)
        starts = [(8 + number // 2, 8 + STEP * number) for number in range(FRAMES)]
        frames = [low[y : y + SIZE[0], x : x + SIZE[1]] for y, x in starts]
        for crf in CRF:
            found = through_h264(frames, crf)
            for number in SCORED:
                y, x = (2 * at for at in starts[number])
                truth = luma(high[y : y + 2 * SIZE[0], x : x + 2 * SIZE[1]])[4:-4, 4:-4]
                base = psnr(luma(upscale_bicubic(found[number], 2))[4:-4, 4:-4], truth, data_range=255)
                for name, sources in offered.items():
                    for source in sources:
                        larger = thinlens.upscale(found[number], 2, name, source)
                        gain = psnr(luma(larger)[4:-4, 4:-4], truth, data_range=255) - base
                        scores.setdefault((name, source, crf), []).append(gain)
    lines = [
        f"| {name} | {source} | " + " | ".join(f"{np.mean(scores[name, source, crf]):+.3f}" for crf in CRF) + " |"
        for name, sources in offered.items()
        for source in sources
    ]
    fields = {"count": len(files), "folder": folder.name, "frames": FRAMES, "machine": machine()}
    head = HEAD.format(
        **fields, date=date.today().isoformat(), crf=" | ".join(map(str, CRF)), columns="---:|" * len(CRF)
    )
    (RESULTS / "film-sources.md").write_text(head + "\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
