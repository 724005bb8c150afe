"""ESPCN: a few convolutions at low resolution, then the sub-pixel shuffle.

W. Shi et al.: Real-Time Single Image and Video Super-Resolution Using an Efficient Sub-Pixel Convolutional Neural
Network. CVPR 2016, arXiv 1609.05158 [Shi2016]. The identifiers `ESPCN_s2_D16_S32` are those of edge-SR's pool
[NavarreteMichelini2022], as are the sizes; D is 0 where the first layer is missing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import torch
from torch import nn

from ..program import Activation, Padding, PixelShuffle, Program
from .layers import Layer, lower_chain


@dataclass(frozen=True)
class Config:
    """A network of `first` and `second` feature maps."""

    scale: int
    first: int
    second: int

    def __post_init__(self) -> None:
        if min(self.scale, self.second) < 1 or self.first < 0:
            raise ValueError(f"{self}: scale and S must be at least 1, D at least 0")

    def __str__(self) -> str:
        return f"ESPCN_s{self.scale}_D{self.first}_S{self.second}"


def parse(identifier: str) -> Config | None:
    """The inverse of `str(config)`; None if the identifier is of another family."""
    match = re.fullmatch(r"ESPCN_s(\d+)_D(\d+)_S(\d+)", identifier)
    return Config(*(int(size) for size in match.groups())) if match else None


class Network(nn.Module):
    """`(B, 1, H, W)` float32 luma in [0, 1] to `(B, 1, scale·H, scale·W)`.

    The published networks are padded with zeros, layer by layer; ours repeat the edges.
    """

    def __init__(self, config: Config, padding: Padding = "zero") -> None:
        super().__init__()
        self.config = config
        self.padding: Padding = padding
        first, second = config.first, config.second
        layers = [Layer(1, first, 5, padding), nn.Tanh()] if first else []
        layers += [Layer(first or 1, second, 3, padding), nn.Tanh(), Layer(second, config.scale**2, 3, padding)]
        self.net = nn.Sequential(*layers)

    def forward(self, low: torch.Tensor) -> torch.Tensor:
        return nn.functional.pixel_shuffle(self.net(low).float(), self.config.scale).sigmoid()


def build(config: Config, padding: Padding = "zero") -> Network:
    """A network with fresh weights."""
    return Network(config, padding)


def lower(module: Network) -> Program:
    """The program that computes what the module computes."""
    ops = lower_chain(module.net)
    ops += [PixelShuffle(len(ops), module.config.scale), Activation(len(ops) + 1, "sigmoid")]
    return Program(str(module.config), tuple(ops))
