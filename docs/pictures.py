"""Make docs/before-after.png: a detail of a Kodak photo, made small and enlarged again by several models.

python docs/pictures.py KODAK24/kodim23.png
"""

import sys
from pathlib import Path

import numpy as np
import pyvips

import thinlens
from thinlens import photo
from thinlens.data.degrade import crop_to_multiple, downscale, upscale_bicubic

SCALE = 3
LEFT, TOP, SIZE = 110, 150, 160
"""The detail shown, in pixels of the photo."""
GAP = 8


def panel(pixels: np.ndarray, label: str) -> pyvips.Image:
    """The detail of an enlarged photo, its pixels magnified, with its label below, on white."""
    detail = pixels[TOP : TOP + SIZE, LEFT : LEFT + SIZE]
    image = pyvips.Image.new_from_array(detail).copy(interpretation="srgb").resize(2.25, kernel="nearest")
    text = pyvips.Image.text(label, dpi=110, font="sans").invert().gravity("centre", image.width, 36, extend="white")
    line = text.bandjoin([text, text]).copy(interpretation="srgb")
    return image.join(line, "vertical", background=255)


def main(source: str) -> None:
    """Write the picture beside this file."""
    original = crop_to_multiple(photo.read(source).pixels, SCALE)
    low = downscale(original, SCALE)
    panels = [
        panel(upscale_bicubic(low, SCALE), f"bicubic ×{SCALE}"),
        panel(thinlens.upscale(low, SCALE, "fast"), "thinlens fast"),
        panel(thinlens.upscale(low, SCALE, "best"), "thinlens best"),
        panel(original, "the photo itself"),
    ]
    sheet = pyvips.Image.arrayjoin(panels, across=len(panels), shim=GAP, background=255)
    sheet.pngsave(str(Path(__file__).parent / "before-after.png"), compression=9, palette=True, Q=95)


if __name__ == "__main__":
    main(sys.argv[1])
