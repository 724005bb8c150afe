"""A photo of 20,000 × 20,000 pixels, twice as large: time and the most memory that it takes.

    python benchmarks/large.py PHOTO FOLDER [SIDE] [MODEL]

The photo is repeated to the size; the folder gets a few gigabytes of files, which are removed in the end. Prints a
line of the table in results/large.md.
"""

from __future__ import annotations

import datetime
import resource
import subprocess
import sys
import time
from pathlib import Path

from thinlens.evaluation.speed import machine


def make(photo: str, path: Path, side: int) -> None:
    """The photo, repeated and mirrored, as a PNG file of `side` by `side` pixels."""
    import pyvips

    image = pyvips.Image.new_from_file(photo).colourspace("srgb").extract_band(0, n=3)
    image.embed(0, 0, side, side, extend="mirror").pngsave(str(path), compression=1)


def main() -> None:
    photo, folder = sys.argv[1], Path(sys.argv[2])
    side = int(sys.argv[3]) if len(sys.argv) > 3 else 20_000
    model = sys.argv[4] if len(sys.argv) > 4 else "fast"
    low, high = folder / "low.png", folder / "high.png"
    try:
        make(photo, low, side)
        code = "import sys; from thinlens import run; print(run.upscale_file(*sys.argv[1:3], model=sys.argv[3]).plan)"
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", code, str(low), str(high), model], check=True)
        seconds = time.perf_counter() - start
        # making the photo happens in this process: the children are the enlarging alone
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
        date = datetime.datetime.now(tz=datetime.timezone.utc).date()
        sizes = " → ".join(f"{path.stat().st_size / 1e6:.0f}" for path in (low, high))
        print(
            f"| {side}×{side} | {Path(model).stem} | {seconds:.0f} s | {peak / 1e6:.0f} MB | {sizes} MB | {machine()} "
            f"| {date} |"
        )
    finally:
        for path in (low, high):
            path.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
