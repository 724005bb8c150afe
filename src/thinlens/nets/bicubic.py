"""Bicubic interpolation as a network: scale² fixed filters and a pixel shuffle, the baseline of every table.

R. Keys: Cubic convolution interpolation for digital image processing. IEEE TASSP 29(6), 1981 [Keys1981], with a = -0.5.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import torch
from torch import nn

from ..program import Convolution, Padding, Program, bicubic


@dataclass(frozen=True)
class Config:
    """Bicubic interpolation by a whole number."""

    scale: int

    def __post_init__(self) -> None:
        if self.scale < 1:
            raise ValueError(f"{self}: the scale must be at least 1")

    def __str__(self) -> str:
        return f"Bicubic_s{self.scale}"


def parse(identifier: str) -> Config | None:
    """The inverse of `str(config)`; None if the identifier is of another family."""
    match = re.fullmatch(r"Bicubic_s(\d+)", identifier)
    return Config(int(match[1])) if match else None


class Network(nn.Module):
    """`(B, 1, H, W)` float32 luma in [0, 1] to `(B, 1, scale·H, scale·W)`; there is nothing to train."""

    filter: torch.Tensor

    def __init__(self, config: Config, padding: Padding = "edge") -> None:
        super().__init__()
        self.config = config
        self.padding: Padding = padding
        convolution = bicubic(config.scale).ops[0]
        assert isinstance(convolution, Convolution)
        self.register_buffer("filter", torch.tensor(convolution.weight))

    def forward(self, low: torch.Tensor) -> torch.Tensor:
        padded = nn.functional.pad(low, (2, 2, 2, 2), mode="replicate" if self.padding == "edge" else "constant")
        return nn.functional.pixel_shuffle(nn.functional.conv2d(padded, self.filter), self.config.scale)


def build(config: Config, padding: Padding = "edge") -> Network:
    """The network, complete."""
    return Network(config, padding)


def lower(module: Network) -> Program:
    """The program that computes what the module computes."""
    return bicubic(module.config.scale, module.padding)
