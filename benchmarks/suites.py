"""Pictures of other projects' test suites, read as thinlens reads them; writes results/suites.md.

python benchmarks/suites.py FOLDER …

A folder is what a source package has been unpacked to (Pillow's, scikit-image's, imagecodecs'). Each JPEG, PNG, TIFF,
WebP, AVIF and GIF in it is read, and what comes out is compared with what Pillow, or for TIFF else tifffile, shows:
upright, in 8 bits, RGB and alpha. It is the same within 3 levels (JPEG, WebP, AVIF, for their decoders differ in
rounding), or exactly, refused in a sentence, or different, and then it is named. Needs the extra [dev].
"""

from __future__ import annotations

import sys
import warnings
from collections import Counter
from datetime import date
from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image, ImageOps

from thinlens.evaluation.speed import machine
from thinlens.photo import open_photo, stack

RESULT = Path(__file__).parent / "results" / "suites.md"
SUFFIXES = (".jpg", ".jpeg", ".jfif", ".mpo", ".png", ".apng", ".tif", ".tiff", ".webp", ".avif", ".gif")
LOSSY = 3
"""Levels that decoders of lossy formats may be apart."""
Pixels = NDArray[np.uint8]


def ours(path: Path) -> Pixels:
    """`(H, W, 4)`. Raises OSError or ValueError where it is refused."""
    photo = open_photo(path).read()
    return as_rgba(stack(photo.pixels, photo.alpha))


def theirs(path: Path) -> Pixels | None:
    """What Pillow or tifffile shows, None if neither can read it."""
    warnings.simplefilter("ignore")
    try:
        with Image.open(path) as image:
            upright = ImageOps.exif_transpose(image)
            deep = upright.mode.startswith(("I", "F"))
            if not deep:
                return np.asarray(upright.convert("RGBA"))
            samples = np.asarray(upright)
            return as_rgba(samples.astype(np.uint16) if samples.max(initial=0) > 255 else samples.astype(np.uint8))
    except Exception:  # whatever it is, it is no judge
        pass
    try:
        samples = tifffile.imread(path)
    except Exception:
        return None
    return as_rgba(samples) if samples.dtype in (np.uint8, np.uint16) and samples.ndim in (2, 3) else None


def as_rgba(samples: NDArray[np.generic]) -> Pixels:
    """8 bits; gray as color, opaque without alpha."""
    values = samples if samples.dtype == np.uint8 else np.rint(samples.astype(float) / 257)
    values = values[..., None] if values.ndim == 2 else values
    channels = values.shape[2]
    color = np.repeat(values[..., :1], 3, axis=2) if channels < 3 else values[..., :3]
    alpha = values[..., -1:] if channels in (2, 4) else np.full_like(values[..., :1], 255)
    return np.dstack([color, alpha]).astype(np.uint8)


def outcome(path: Path) -> tuple[str, str]:
    """What became of a file, and what is to be said of it."""
    try:
        found = ours(path)
    except (OSError, ValueError) as error:
        return "refused", str(error).replace(str(path), path.name)
    shown = theirs(path)
    if shown is None:
        return "read, no judge", ""
    if shown.shape != found.shape:
        return "different", f"{found.shape[1]}x{found.shape[0]}, not {shown.shape[1]}x{shown.shape[0]}"
    visible = (shown[..., 3:] > 0) | (found[..., 3:] > 0)
    difference = (np.abs(found.astype(int) - shown) * visible).max(initial=0)
    lossless = path.suffix.lower() in (".png", ".apng", ".tif", ".tiff", ".gif")
    if difference <= (1 if lossless else LOSSY):
        return "same", ""
    return "different", f"by up to {difference} levels"


def main(folders: list[str]) -> None:
    """Write the table, and name what is refused or different."""
    lines = ["# Pictures of other test suites", ""]
    lines += [f"Made by `benchmarks/suites.py`, which says how; {machine()}; {date.today()}.", ""]
    lines += ["| suite | pictures | same | read, no judge | refused | different |", "|---|---:|---:|---:|---:|---:|"]
    details: list[str] = []
    for folder in map(Path, folders):
        files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
        counts: Counter[str] = Counter()
        for path in files:
            kind, text = outcome(path)
            counts[kind] += 1
            if kind in ("refused", "different"):
                details.append(f"| {folder.name} | {path.name} | {kind} | {text} |")
        cells = [str(counts[kind]) for kind in ("same", "read, no judge", "refused", "different")]
        lines.append(f"| {folder.name} | {len(files)} | {' | '.join(cells)} |")
        print(lines[-1], file=sys.stderr)
    lines += ["", "## What is refused or different", "", "| suite | file | | |", "|---|---|---|---|", *details]
    RESULT.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
