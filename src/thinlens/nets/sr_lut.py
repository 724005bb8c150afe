"""SR-LUT: a network of four pixels, or of two, that becomes a table.

Y. Jo, S. J. Kim: Practical Single-Image Super-Resolution Using Look-Up Table. CVPR 2021 [Jo2021]. Identifiers are
`SR-LUT-S_s4` (2×2 pixels, in the table one in 16 of the levels of each) and `SR-LUT-V_s4` (a pixel and its right
neighbor).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from ..program import Padding
from . import network
from .few_pixels import FewPixels

Kind = Literal["S", "V"]
PIXELS: dict[Kind, tuple[tuple[int, int], ...]] = {"S": ((0, 0), (0, 1), (1, 0), (1, 1)), "V": ((0, 0), (0, 1))}
"""The pixels (y, x) that index the table, the first slowest."""


@dataclass(frozen=True)
class Config(network.Config):
    """Which pixels index the table: a square of four, or two beside each other."""

    form: ClassVar[str] = "SR-LUT-{kind}_s{scale}"
    kind: Kind


class Network(FewPixels):
    """One map, the mean of four turns."""

    def __init__(self, config: Config, padding: Padding) -> None:
        super().__init__(config, padding, PIXELS[config.kind], maps=1, step=1)
