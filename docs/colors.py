"""Make docs/enhance-good.jpg and docs/enhance-bad.jpg: photos of Kodak24 as they are, and with `enhance`.

python docs/colors.py KODAK24
"""

import sys
from pathlib import Path

import numpy as np
import pyvips

import thinlens
from thinlens import photo

SHEETS = {
    "enhance-good.jpg": (("7", 1), ("11", 1), ("16", 1)),
    "enhance-bad.jpg": (("2", 1), ("13", 1), ("11", 1 / 6)),
}
"""Photos and how much of their light is left."""
WIDTH, GAP = 400, 8


def panel(pixels: np.ndarray, label: str) -> pyvips.Image:
    """A photo made smaller, with its label below, on white."""
    image = pyvips.Image.new_from_array(pixels).copy(interpretation="srgb").thumbnail_image(WIDTH)
    text = pyvips.Image.text(label, dpi=90, font="sans").invert().gravity("centre", image.width, 30, extend="white")
    line = text.bandjoin([text, text]).copy(interpretation="srgb")
    return image.join(line, "vertical", background=255)


def darker(pixels: np.ndarray, light: float) -> np.ndarray:
    """The photo with so much of its light, of the transfer curve as a power of 2.2."""
    return np.rint(255 * (pixels / 255) * light ** (1 / 2.2)).astype(np.uint8)


def main(folder: str) -> None:
    """Write the pictures beside this file."""
    for sheet, chosen in SHEETS.items():
        panels: list[pyvips.Image] = []
        for name, light in chosen:
            pixels = darker(photo.read(Path(folder) / f"{name}.png").pixels, light)
            panels += [panel(pixels, "before"), panel(thinlens.enhance(pixels), "after")]
        made = pyvips.Image.arrayjoin(panels, across=2, shim=GAP, background=255)
        made.jpegsave(str(Path(__file__).parent / sheet), Q=82, strip=True, optimize_coding=True)


if __name__ == "__main__":
    main(sys.argv[1])
