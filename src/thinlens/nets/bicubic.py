"""Bicubic interpolation as a network: scale² fixed filters and a pixel shuffle, the baseline of every table.

R. Keys: Cubic convolution interpolation for digital image processing. IEEE TASSP 29(6), 1981 [Keys1981], with a = -0.5.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
from torch import Tensor, nn

from ..program import Convolution, Operation, Padding, bicubic
from . import network
from .layers import correlate


@dataclass(frozen=True)
class Config(network.Config):
    """Bicubic interpolation by a whole number."""

    form: ClassVar[str] = "Bicubic_s{scale}"
    scale: Annotated[int, network.Size(called="the scale")]


class Network(network.Network):
    """There is nothing to train."""

    filter: Tensor

    def __init__(self, config: Config, padding: Padding) -> None:
        super().__init__(config, padding)
        convolution = bicubic(config.scale).ops[0]
        assert isinstance(convolution, Convolution)
        self.register_buffer("filter", torch.tensor(convolution.weight))

    def forward(self, low: Tensor) -> Tensor:
        return nn.functional.pixel_shuffle(correlate(low, self.filter, None, self.padding), self.config.scale)

    def operations(self) -> list[Operation]:
        return list(bicubic(self.config.scale, self.padding).ops)
