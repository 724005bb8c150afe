"""edge-SR: super-resolution by one convolution and a choice among templates.

P. Navarrete Michelini, Y. Lu, X. Jiang: edge-SR: Super-Resolution For The Masses. WACV 2022, arXiv 2108.10335
[NavarreteMichelini2022]. The published identifiers are `eSR-MAX_s2_K3_C1`, `eSR-TM_s3_K5_C4`, `eSR-TR_s4_K7_C16`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, cast

import numpy as np
import torch
from torch import nn

from ..program import Convolution, Operation, Padding, PixelShuffle, Program, ReduceMax, SoftmaxSum

Kind = Literal["MAX", "TM", "TR"]
GROUPS: dict[Kind, int] = {"MAX": 1, "TM": 2, "TR": 3}


@dataclass(frozen=True)
class Config:
    """A one-layer edge-SR network: `channels` templates with kernels of `kernel` × `kernel` pixels."""

    kind: Kind
    scale: int
    kernel: int
    channels: int

    def __post_init__(self) -> None:
        if self.kind not in GROUPS:
            raise ValueError(f"eSR-{self.kind} is not one of {', '.join('eSR-' + kind for kind in GROUPS)}")
        if self.scale < 1 or self.channels < 1 or self.kernel < 1 or self.kernel % 2 == 0:
            raise ValueError(f"{self}: scale and channels must be at least 1, the kernel odd")

    def __str__(self) -> str:
        return f"eSR-{self.kind}_s{self.scale}_K{self.kernel}_C{self.channels}"


def parse(identifier: str) -> Config | None:
    """The inverse of `str(config)`; None if the identifier is of another family."""
    match = re.fullmatch(r"eSR-(MAX|TM|TR)_s(\d+)_K(\d+)_C(\d+)", identifier)
    if match is None:
        return None
    kind, *sizes = match.groups()
    return Config(cast(Kind, kind), *(int(size) for size in sizes))


class Network(nn.Module):
    """`(B, 1, H, W)` float32 luma in [0, 1] to `(B, 1, scale·H, scale·W)`.

    The published networks are padded with zeros, which darkens the frame of a picture; ours repeat its edge.
    """

    def __init__(self, config: Config, padding: Padding = "zero") -> None:
        super().__init__()
        self.config = config
        self.padding: Padding = padding
        self.filter = nn.Conv2d(
            1,
            GROUPS[config.kind] * config.channels * config.scale**2,
            config.kernel,
            padding=config.kernel // 2,
            padding_mode="zeros" if padding == "zero" else "replicate",
            bias=False,
        )
        nn.init.xavier_normal_(self.filter.weight)
        with torch.no_grad():
            self.filter.weight[:, 0, config.kernel // 2, config.kernel // 2] = 1.0

    def forward(self, low: torch.Tensor) -> torch.Tensor:
        maps = nn.functional.pixel_shuffle(self.filter(low), self.config.scale)
        return self.combine(maps.movedim(1, -1)).unsqueeze(1)

    def combine(self, maps: torch.Tensor) -> torch.Tensor:
        """One pixel from its maps: `(…, groups·channels)`, ordered value, (query,) key, to `(…)`."""
        if self.config.kind == "MAX":
            return maps.amax(-1)
        value, *logits = maps.split(self.config.channels, dim=-1)
        logit = logits[0] if self.config.kind == "TM" else logits[0] * logits[1]
        return (value * logit.softmax(-1)).sum(-1)


def build(config: Config, padding: Padding = "zero") -> Network:
    """A network with fresh weights: Xavier normal, every center tap 1."""
    return Network(config, padding)


def lower(module: Network) -> Program:
    """The program that computes what the module computes."""
    weight = module.filter.weight.detach().cpu().numpy().astype(np.float32)
    last: dict[Kind, Operation] = {"MAX": ReduceMax(2), "TM": SoftmaxSum(2, "key"), "TR": SoftmaxSum(2, "query*key")}
    ops = (Convolution(0, weight, padding=module.padding), PixelShuffle(1, module.config.scale))
    return Program(str(module.config), (*ops, last[module.config.kind]))
