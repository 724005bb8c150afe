"""edge-SR: super-resolution by one convolution and a choice among templates.

P. Navarrete Michelini, Y. Lu, X. Jiang: edge-SR: Super-Resolution For The Masses. WACV 2022, arXiv 2108.10335
[NavarreteMichelini2022]. The published identifiers are `eSR-MAX_s2_K3_C1`, `eSR-TM_s3_K5_C4`, `eSR-TR_s4_K7_C16`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import torch
from torch import Tensor, nn

from ..program import Convolution, Operation, Padding, PixelShuffle, ReduceMax, SoftmaxSum
from . import network
from .layers import Layer, array

Kind = Literal["MAX", "TM", "TR"]
GROUPS: dict[Kind, int] = {"MAX": 1, "TM": 2, "TR": 3}
CHOICES: dict[Kind, Operation] = {"MAX": ReduceMax(2), "TM": SoftmaxSum(2, "key"), "TR": SoftmaxSum(2, "query*key")}


@dataclass(frozen=True)
class Config(network.Config):
    """A one-layer edge-SR network: `channels` templates with kernels of `kernel` × `kernel` pixels."""

    form: ClassVar[str] = "eSR-{kind}_s{scale}_K{kernel}_C{channels}"
    kind: Kind
    kernel: Annotated[int, network.Size(odd=True, called="the kernel")]
    channels: Annotated[int, network.Size(called="channels")]


class Network(network.Network):
    """Initialized Xavier normal, every center tap 1."""

    def __init__(self, config: Config, padding: Padding) -> None:
        super().__init__(config, padding)
        self.kind: Kind = config.kind
        self.channels, center = config.channels, config.kernel // 2
        outputs = GROUPS[config.kind] * config.channels * config.scale**2
        self.filter = Layer(1, outputs, config.kernel, padding, bias=False)
        nn.init.xavier_normal_(self.filter.weight)
        with torch.no_grad():
            self.filter.weight[:, 0, center, center] = 1.0

    def forward(self, low: Tensor) -> Tensor:
        features = nn.functional.pixel_shuffle(self.filter(low), self.config.scale)
        return self.combine(features.movedim(1, -1)).unsqueeze(1)

    def combine(self, features: Tensor) -> Tensor:
        """One pixel from its feature maps: `(…, groups·channels)`, ordered value, (query,) key, to `(…)`."""
        if self.kind == "MAX":
            return features.amax(-1)
        value, *logits = features.split(self.channels, dim=-1)
        logit = logits[0] if self.kind == "TM" else logits[0] * logits[1]
        return (value * logit.softmax(-1)).sum(-1)

    def operations(self) -> list[Operation]:
        layer = Convolution(0, array(self.filter.weight), padding=self.padding)
        return [layer, PixelShuffle(1, self.config.scale), CHOICES[self.kind]]
