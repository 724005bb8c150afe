"""Make docs/sources.png: a detail of a photo that was saved as JPEG, enlarged with the weights of two sources.

python docs/sources.py KODAK24/21.png
"""

import sys
from pathlib import Path

import numpy as np
import pyvips

import thinlens
from thinlens import photo
from thinlens.data.degrade import crop_to_multiple, downscale, upscale_bicubic
from thinlens.photo import as_jpeg, decoded
from thinlens.sources import by_headers_of

QUALITIES = (75, 40)
SCALE, MODEL = 2, "best"
LEFT, TOP, SIZE = 290, 90, 150
"""The detail shown, in pixels of the photo."""
GAP = 8


def panel(pixels: np.ndarray, label: str) -> pyvips.Image:
    """The detail of an enlarged photo, its pixels magnified, with its label below, on white."""
    detail = pixels[TOP : TOP + SIZE, LEFT : LEFT + SIZE]
    image = pyvips.Image.new_from_array(np.ascontiguousarray(detail)).copy(interpretation="srgb")
    image = image.resize(2.25, kernel="nearest")
    text = pyvips.Image.text(label, dpi=100, font="sans").invert().gravity("centre", image.width, 34, extend="white")
    line = text.bandjoin([text, text]).copy(interpretation="srgb")
    return image.join(line, "vertical", background=255)


def main(source: str) -> None:
    """Write the picture beside this file."""
    original = crop_to_multiple(photo.read(source).pixels, SCALE)
    panels: list[pyvips.Image] = []
    for quality in QUALITIES:
        file = as_jpeg(downscale(original, SCALE), quality)
        choice, low = by_headers_of(file), decoded(file)
        assert choice is not None
        panels += [
            panel(upscale_bicubic(low, SCALE), f"JPEG {quality}, bicubic ×{SCALE}"),
            panel(thinlens.upscale(low, SCALE, MODEL), f"{MODEL}, weights for clean"),
            panel(thinlens.upscale(low, SCALE, MODEL, choice.source), f"{MODEL}, {choice.source}"),
            panel(original, "the photo itself"),
        ]
    sheet = pyvips.Image.arrayjoin(panels, across=4, shim=GAP, background=255)
    sheet.pngsave(str(Path(__file__).parent / "sources.png"), compression=9, palette=True, Q=95)


if __name__ == "__main__":
    main(sys.argv[1])
