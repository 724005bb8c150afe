"""FSRCNN: shrink, map and expand at low resolution, then one transposed convolution.

C. Dong, C. C. Loy, X. Tang: Accelerating the Super-Resolution Convolutional Neural Network. ECCV 2016, arXiv 1608.00367
[Dong2016]. The identifiers `FSRCNN_s2_D56_S12_M4` are those of edge-SR's pool [NavarreteMichelini2022].
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from torch import Tensor, nn

from ..program import Operation, Padding, PixelShuffle
from . import network
from .layers import Layer, TransposedConvolution, lower_chain


@dataclass(frozen=True)
class Config(network.Config):
    """`features` feature maps at both ends, `shrunk` in the `mappings` layers between."""

    form: ClassVar[str] = "FSRCNN_s{scale}_D{features}_S{shrunk}_M{mappings}"
    scale: Annotated[int, network.Size(maximum=8, called="scale")]
    features: network.Positive
    shrunk: network.Positive
    mappings: network.NotNegative


class Network(network.Network):
    """In its program the transposed convolution is a convolution and a pixel shuffle."""

    def __init__(self, config: Config, padding: Padding) -> None:
        super().__init__(config, padding)
        features, shrunk = config.features, config.shrunk
        layers = [Layer(1, features, 5, padding), nn.PReLU(), Layer(features, shrunk, 1, padding), nn.PReLU()]
        for _ in range(config.mappings):
            layers += [Layer(shrunk, shrunk, 3, padding), nn.PReLU()]
        layers += [Layer(shrunk, features, 1, padding), nn.PReLU()]
        self.net = nn.Sequential(*layers, TransposedConvolution(features, config.scale, padding))

    def forward(self, low: Tensor) -> Tensor:
        return self.net(low).float()

    def operations(self) -> list[Operation]:
        ops = lower_chain(self.net, self.padding)
        return [*ops, PixelShuffle(len(ops), self.config.scale)]
