"""EC-LUT: a network of two pixels that predicts the pixels around them too, and becomes a table.

K. Yin, J. Shen: Efficient Look-Up Table from Expanded Convolutional Network for Accelerating Image Super-resolution.
AAAI 2024 [Yin2024]. Identifiers are `EC-LUT_s4`, where the maps of the neighbors are shifted by one high-resolution
pixel, as in the article's listing, and `EC-LUT_s4_block`, where they are shifted by a low-resolution one, so that each
pair of pixels writes whole blocks of its neighbors. Another second pixel than the one below is appended:
`EC-LUT_s4_block_second`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from ..program import Padding
from . import network
from .few_pixels import FewPixels

Step = Literal["pixel", "block"]
Neighbor = Literal["below", "second", "diagonal"]
NEIGHBORS: dict[Neighbor, tuple[int, int]] = {"below": (1, 0), "second": (2, 0), "diagonal": (1, 1)}
"""Where the second pixel of a pair lies, (y, x) from the first."""


@dataclass(frozen=True)
class Config(network.Config):
    """How far the nine maps are shifted: a high-resolution pixel, or a block of them; and the second pixel."""

    form: ClassVar[str] = "EC-LUT_s{scale}{step}{neighbor}"
    step: Step = "pixel"
    neighbor: Neighbor = "below"


class Network(FewPixels):
    """Nine maps, their mean; the four turns are summed and weighed by `alpha`, which is learned."""

    def __init__(self, config: Config, padding: Padding) -> None:
        step = 1 if config.step == "pixel" else config.scale
        super().__init__(config, padding, ((0, 0), NEIGHBORS[config.neighbor]), maps=9, step=step)
        self.alpha = nn.Parameter(torch.tensor(1 / self.shuffle.rotations))

    @property
    def gain(self) -> Tensor:
        """Alpha, and the mean of nine."""
        return self.alpha / self.shuffle.maps
