"""ECBSR whose end samples: DySample in the place of the last block and its pixel shuffle.

The blocks are those of ECBSR [Zhang2021], the end is DySample [Liu2023], as its article proposes for super-resolution:
feature maps are enlarged by sampling, in the static style "lp" with four groups, then one 3×3 convolution of the
enlarged maps gives the luma that is added to the picture, each pixel repeated. ECBSR's last block takes as many
multiplications as that convolution; the offsets and the sampling come on top. Identifiers are
`ECBSR-DySample_s2_M4_C16`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from torch import Tensor, nn

from ..program import Add, Convolution, Operation, Padding, PixelShuffle
from . import network
from .dysample import DySample
from .ecbsr import Block
from .layers import Layer, array, lower_activation

GROUPS = 4
BOUND = 2.0
"""Pixels that an offset may have at most, in training too: the halo of the program follows from it."""


@dataclass(frozen=True)
class Config(network.Config):
    """`blocks` blocks of `channels` feature maps after a first one; channels are a multiple of 4."""

    form: ClassVar[str] = "ECBSR-DySample_s{scale}_M{blocks}_C{channels}"
    blocks: network.NotNegative
    channels: network.Positive

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.channels % GROUPS:
            raise ValueError(f"{self}: C must be a multiple of {GROUPS}, the groups of DySample")


class Network(network.Network):
    """Blocks, DySample, a convolution, the picture added. Its program has all branches; `bake.fuse` merges them."""

    def __init__(self, config: Config, padding: Padding) -> None:
        super().__init__(config, padding)
        inputs = [1, *[config.channels] * config.blocks]
        self.backbone = nn.Sequential(*(Block(each, config.channels, "prelu", False, padding) for each in inputs))
        self.upsampler = DySample(config.channels, config.scale, "lp", GROUPS)
        self.last = Layer(config.channels, 1, 3, padding)

    def forward(self, low: Tensor) -> Tensor:
        features = self.backbone(low)
        offsets = self.upsampler.offsets(features).clamp(-BOUND, BOUND)
        enlarged = self.upsampler.sample(features, offsets)
        repeated = nn.functional.interpolate(low, scale_factor=self.config.scale, mode="nearest")
        return self.last(enlarged).float() + repeated

    def operations(self) -> list[Operation]:
        ops: list[Operation] = []
        for block in self.backbone:
            assert isinstance(block, Block)
            ops += block.lower(len(ops))
            ops.append(lower_activation(block.act, len(ops), len(block.conv3x3.weight)))
        ops += self.upsampler.operations(len(ops), len(ops), BOUND)
        assert self.last.bias is not None
        ops.append(Convolution(len(ops), array(self.last.weight), array(self.last.bias), self.padding))
        luma, squared = len(ops), self.config.scale**2
        ops.append(Convolution(0, np.ones((squared, 1, 1, 1), np.float32)))
        ops.append(PixelShuffle(luma + 1, self.config.scale))
        return [*ops, Add(luma, luma + 2)]
