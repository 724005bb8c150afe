"""Draw what two trained networks find in a picture, and where DySample reads, as arrows.

    python examples/segmentation/pictures.py PICTURE --runs FOLDER --out sheet.png [--truth LABELS.png]

FOLDER is what train.py was given as --out. CamVid's pictures may be looked at so, not published: the sheet in the docs
is of a Kodak photo. An arrow goes from the place of a pixel of the result to the place of the source that it is read
at, for the first group of the last DySample, lengthened four times.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyvips
import torch
from camvid import CLASSES, VOID, shrink
from network import Network
from numpy.typing import NDArray
from safetensors.torch import load_file
from train import RECIPE, tensor

from thinlens import photo

COLORS = np.array(
    [
        *((128, 178, 230), (128, 64, 64), (190, 190, 120), (110, 80, 130), (200, 140, 200), (80, 140, 60)),
        *((230, 200, 40), (180, 130, 90), (40, 60, 190), (220, 60, 60), (240, 130, 40), (40, 40, 40)),
    ],
    np.uint8,
)
"""One for each class, and for void."""
ENLARGED, EVERY, LENGTHENED = 3, 12, 4
"""Times that a picture of the sheet is enlarged, pixels between arrows, times that arrows are lengthened."""


def trained(folder: Path, upsampler: str, seed: int) -> Network:
    """A network with the weights of a run."""
    net = Network(upsampler)
    net.load_state_dict(load_file(folder / f"{upsampler.replace(' ', '-')}-{seed}.safetensors"))
    return net.eval()


@torch.no_grad()
def labels(net: Network, picture: Any) -> NDArray[np.uint8]:
    """`(H, W)`: what the network finds in a picture `(H, W, 3)` uint8."""
    return net(tensor(picture[None]))[0].argmax(0).byte().numpy()


@torch.no_grad()
def offsets(net: Network, picture: Any) -> NDArray[np.float32]:
    """`(2, H, W)`: where the first group of the last DySample reads, from its own place, in pixels of the picture."""
    upsampler: Any = net.upsamplers[0]
    found = list[Any]()
    handle = upsampler.register_forward_hook(lambda module, inputs, _: found.append(module.offsets(inputs[0])))
    net(tensor(picture[None]))
    handle.remove()
    return found[0][0, :, 0].numpy() * 4  # its source is four times smaller than the picture


def arrows(moved: NDArray[np.float32], width: int, height: int) -> pyvips.Image:
    """The arrows on a transparent ground, as a picture `ENLARGED` times as large."""
    lines = list[str]()
    for y in range(EVERY // 2, moved.shape[1], EVERY // 2):
        for x in range(EVERY // 2, moved.shape[2], EVERY // 2):
            start = np.array([x * 2 + 1, y * 2 + 1]) * ENLARGED
            end = start + moved[:, y, x] * ENLARGED * LENGTHENED
            points = "{:.1f},{:.1f} {:.1f},{:.1f}".format(*start, *end)
            lines.append(f'<polyline points="{points}" stroke="#ffd400" stroke-width="2" marker-end="url(#head)"/>')
    head = (
        '<marker id="head" viewBox="0 0 8 8" refX="6" refY="4" markerWidth="4" markerHeight="4" orient="auto">'
        '<path d="M0,0 L8,4 L0,8 z" fill="#ffd400"/></marker>'
    )
    size = f'width="{width * ENLARGED}" height="{height * ENLARGED}"'
    text = f'<svg xmlns="http://www.w3.org/2000/svg" {size}><defs>{head}</defs>{"".join(lines)}</svg>'
    return pyvips.Image.svgload_buffer(text.encode())


def panel(pixels: Any, title: str, over: pyvips.Image | None = None) -> pyvips.Image:
    """A picture of the sheet with its title below."""
    image = pyvips.Image.new_from_array(pixels).copy(interpretation="srgb").resize(ENLARGED, kernel="nearest")
    if over is not None:
        image = image.composite2(over, "over").flatten()
    text = pyvips.Image.text(title, dpi=130, font="sans").invert().gravity("centre", image.width, 44, extend="white")
    return image.join(text.bandjoin([text, text]).copy(interpretation="srgb"), "vertical", background=255)


def main(arguments: Sequence[str] | None = None) -> None:
    """See the top of this file."""
    parser = argparse.ArgumentParser(description="Draw what two networks find, and where DySample reads.")
    parser.add_argument("picture", type=Path)
    parser.add_argument("--runs", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--truth", type=Path, help="the labels of the picture")
    parser.add_argument("--upsampler", default="DySample")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    picture = shrink(photo.read(options.picture).pixels, RECIPE.size)
    first, second = (trained(options.runs, name, options.seed) for name in ("bilinear", options.upsampler))
    panels = [panel(picture, "picture")]
    if options.truth is not None:
        from camvid import nearest

        panels.append(panel(COLORS[nearest(photo.read(options.truth).pixels, RECIPE.size)], "truth"))
    panels += [
        panel(COLORS[labels(net, picture)], name) for net, name in ((first, "bilinear"), (second, options.upsampler))
    ]
    over = arrows(offsets(second, picture), *RECIPE.size)
    panels.append(panel(picture, f"where {options.upsampler} reads, ×{LENGTHENED}", over))
    sheet = pyvips.Image.arrayjoin(panels, across=2, shim=8, background=255)
    sheet.pngsave(str(options.out), compression=9, palette=True, Q=90)
    assert len(COLORS) == len(CLASSES) + 1 == VOID + 1


if __name__ == "__main__":
    main()
