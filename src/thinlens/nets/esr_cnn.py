"""eSR-CNN: edge-SR's choice among templates behind a small convolutional network.

P. Navarrete Michelini, Y. Lu, X. Jiang: edge-SR: Super-Resolution For The Masses. WACV 2022, arXiv 2108.10335
[NavarreteMichelini2022]. The published identifiers are `eSR-CNN_s2_C4_D3_S6`; D is 0 where the first layer is missing.
The published weights need the softmax of the squared key; the article prints it without the square in one place.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from ..program import Operation, Padding, PixelShuffle, SoftmaxSum
from . import network
from .layers import Layer, lower_chain, three_layers

GAIN = 3.0
"""What PyTorch's initialization of the weights before the templates is multiplied by. Keys are squared: those of small
feature maps all start near zero, where no template is preferred and none learns to be."""


@dataclass(frozen=True)
class Config(network.Config):
    """`channels` templates chosen from by a network of `first` and `second` feature maps."""

    form: ClassVar[str] = "eSR-CNN_s{scale}_C{channels}_D{first}_S{second}"
    channels: network.Positive
    first: network.NotNegative
    second: network.Positive


class Network(network.Network):
    """Three layers, a softmax among the templates and a pixel shuffle."""

    def __init__(self, config: Config, padding: Padding) -> None:
        super().__init__(config, padding)
        self.channels = config.channels
        outputs = 2 * config.scale**2 * config.channels
        self.filter = three_layers(config.first, config.second, outputs, padding, bias=False)
        with torch.no_grad():
            for layer in list(self.filter)[:-1]:
                if isinstance(layer, Layer):
                    layer.weight *= GAIN

    def forward(self, low: Tensor) -> Tensor:
        features = self.filter(low).float().unflatten(1, (2, self.channels, self.config.scale**2))
        value, key = features.unbind(1)
        chosen = (value * key.square().softmax(1)).sum(1)
        return nn.functional.pixel_shuffle(chosen, self.config.scale)

    def operations(self) -> list[Operation]:
        ops = lower_chain(self.filter, self.padding)
        return [*ops, PixelShuffle(len(ops), self.config.scale), SoftmaxSum(len(ops) + 1, "key*key")]
