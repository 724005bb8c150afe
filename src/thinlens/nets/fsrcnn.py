"""FSRCNN: shrink, map and expand at low resolution, then one transposed convolution.

C. Dong, C. C. Loy, X. Tang: Accelerating the Super-Resolution Convolutional Neural Network. ECCV 2016, arXiv 1608.00367
[Dong2016]. The identifiers `FSRCNN_s2_D56_S12_M4` are those of edge-SR's pool [NavarreteMichelini2022].
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import torch
from torch import nn

from ..program import Padding, PixelShuffle, Program
from .layers import Enlargement, Layer, lower_chain


@dataclass(frozen=True)
class Config:
    """`features` maps outside, `shrunk` maps in the `mappings` layers between."""

    scale: int
    features: int
    shrunk: int
    mappings: int

    def __post_init__(self) -> None:
        if not 1 <= self.scale <= 8 or min(self.features, self.shrunk) < 1 or self.mappings < 0:
            raise ValueError(f"{self}: scale must be in 1…8, D and S at least 1, M at least 0")

    def __str__(self) -> str:
        return f"FSRCNN_s{self.scale}_D{self.features}_S{self.shrunk}_M{self.mappings}"


def parse(identifier: str) -> Config | None:
    """The inverse of `str(config)`; None if the identifier is of another family."""
    match = re.fullmatch(r"FSRCNN_s(\d+)_D(\d+)_S(\d+)_M(\d+)", identifier)
    return Config(*(int(size) for size in match.groups())) if match else None


class Network(nn.Module):
    """`(B, 1, H, W)` float32 luma in [0, 1] to `(B, 1, scale·H, scale·W)`.

    The published networks are padded with zeros, layer by layer; ours repeat the edges.
    """

    def __init__(self, config: Config, padding: Padding = "zero") -> None:
        super().__init__()
        self.config = config
        self.padding: Padding = padding
        features, shrunk = config.features, config.shrunk
        layers = [Layer(1, features, 5, padding), nn.PReLU(), Layer(features, shrunk, 1, padding), nn.PReLU()]
        for _ in range(config.mappings):
            layers += [Layer(shrunk, shrunk, 3, padding), nn.PReLU()]
        layers += [Layer(shrunk, features, 1, padding), nn.PReLU(), Enlargement(features, config.scale, padding)]
        self.net = nn.Sequential(*layers)

    def forward(self, low: torch.Tensor) -> torch.Tensor:
        return self.net(low).float()


def build(config: Config, padding: Padding = "zero") -> Network:
    """A network with fresh weights."""
    return Network(config, padding)


def lower(module: Network) -> Program:
    """The program that computes what the module computes; the transposed convolution as convolution and shuffle."""
    ops = lower_chain(module.net)
    return Program(str(module.config), (*ops, PixelShuffle(len(ops), module.config.scale)))
