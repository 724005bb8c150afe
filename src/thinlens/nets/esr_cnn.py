"""eSR-CNN: edge-SR's choice among templates behind a small convolutional network.

P. Navarrete Michelini, Y. Lu, X. Jiang: edge-SR: Super-Resolution For The Masses. WACV 2022, arXiv 2108.10335
[NavarreteMichelini2022]. The published identifiers are `eSR-CNN_s2_C4_D3_S6`; D is 0 where the first layer is missing.
The published weights need the softmax of the squared key; the article prints it without the square in one place.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import torch
from torch import nn

from ..program import Padding, PixelShuffle, Program, SoftmaxSum
from .layers import Layer, lower_chain

GAIN = 3.0
"""What PyTorch's beginnings of the weights before the templates are multiplied by. Keys are squared: those of small
maps all begin near zero, where no template is preferred and none learns to be."""


@dataclass(frozen=True)
class Config:
    """`channels` templates chosen from by a network of `first` and `second` feature maps."""

    scale: int
    channels: int
    first: int
    second: int

    def __post_init__(self) -> None:
        if min(self.scale, self.channels, self.second) < 1 or self.first < 0:
            raise ValueError(f"{self}: scale, C and S must be at least 1, D at least 0")

    def __str__(self) -> str:
        return f"eSR-CNN_s{self.scale}_C{self.channels}_D{self.first}_S{self.second}"


def parse(identifier: str) -> Config | None:
    """The inverse of `str(config)`; None if the identifier is of another family."""
    match = re.fullmatch(r"eSR-CNN_s(\d+)_C(\d+)_D(\d+)_S(\d+)", identifier)
    return Config(*(int(size) for size in match.groups())) if match else None


class Network(nn.Module):
    """`(B, 1, H, W)` float32 luma in [0, 1] to `(B, 1, scale·H, scale·W)`.

    The published networks are padded with zeros, layer by layer; ours repeat the edges.
    """

    def __init__(self, config: Config, padding: Padding = "zero") -> None:
        super().__init__()
        self.config = config
        self.padding: Padding = padding
        first, second, last = config.first, config.second, 2 * config.scale**2 * config.channels
        layers = [Layer(1, first, 5, padding), nn.Tanh()] if first else []
        layers += [Layer(first or 1, second, 3, padding), nn.Tanh(), Layer(second, last, 3, padding, bias=False)]
        self.filter = nn.Sequential(*layers)
        with torch.no_grad():
            for layer in layers[:-1]:
                if isinstance(layer, Layer):
                    layer.weight *= GAIN

    def forward(self, low: torch.Tensor) -> torch.Tensor:
        maps = self.filter(low).float().unflatten(1, (2, self.config.channels, self.config.scale**2))
        value, key = maps.unbind(1)
        chosen = (value * key.square().softmax(1)).sum(1)
        return nn.functional.pixel_shuffle(chosen, self.config.scale)


def build(config: Config, padding: Padding = "zero") -> Network:
    """A network with fresh weights."""
    return Network(config, padding)


def lower(module: Network) -> Program:
    """The program that computes what the module computes."""
    ops = lower_chain(module.filter)
    ops += [PixelShuffle(len(ops), module.config.scale), SoftmaxSum(len(ops) + 1, "key*key")]
    return Program(str(module.config), tuple(ops))
