"""ESPCN: a few convolutions at low resolution, then the sub-pixel shuffle.

W. Shi et al.: Real-Time Single Image and Video Super-Resolution Using an Efficient Sub-Pixel Convolutional Neural
Network. CVPR 2016, arXiv 1609.05158 [Shi2016]. The identifiers `ESPCN_s2_D16_S32` are those of edge-SR's pool
[NavarreteMichelini2022], as are the sizes; D is 0 where the first layer is missing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn

from ..program import Activation, Operation, Padding, PixelShuffle
from . import network
from .layers import lower_chain, three_layers


@dataclass(frozen=True)
class Config(network.Config):
    """A network whose first two layers give `first` and `second` feature maps."""

    form: ClassVar[str] = "ESPCN_s{scale}_D{first}_S{second}"
    first: network.NotNegative
    second: network.Positive


class Network(network.Network):
    """Three layers, a pixel shuffle and a sigmoid."""

    def __init__(self, config: Config, padding: Padding) -> None:
        super().__init__(config, padding)
        self.net = three_layers(config.first, config.second, config.scale**2, padding)

    def forward(self, low: Tensor) -> Tensor:
        return nn.functional.pixel_shuffle(self.net(low).float(), self.config.scale).sigmoid()

    def operations(self) -> list[Operation]:
        ops = lower_chain(self.net, self.padding)
        return [*ops, PixelShuffle(len(ops), self.config.scale), Activation(len(ops) + 1, "sigmoid")]
