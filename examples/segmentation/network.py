"""A small encoder and a decoder of the shape of a feature pyramid [Lin2017], whose upsampling is to be chosen."""

from __future__ import annotations

from collections.abc import Callable

import torch
from camvid import CLASSES
from torch import Tensor, nn
from torch.nn import functional

from thinlens.nets import DySample

WIDTHS = (16, 24, 48, 64)
"""Feature maps of the encoder at a half, a fourth, an eighth and a sixteenth of the size."""
FEATURES = 32
"""Feature maps of the decoder."""


class ShuffledConvolution(nn.Sequential):
    """A 3×3 convolution and a pixel shuffle."""

    def __init__(self, channels: int) -> None:
        super().__init__(nn.Conv2d(channels, 4 * channels, 3, padding=1), nn.PixelShuffle(2))


UPSAMPLERS: dict[str, Callable[[], nn.Module]] = {
    "nearest": lambda: nn.Upsample(scale_factor=2, mode="nearest"),
    "bilinear": lambda: nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False),
    "transposed convolution": lambda: nn.ConvTranspose2d(FEATURES, FEATURES, 4, 2, padding=1),
    "pixel shuffle": lambda: ShuffledConvolution(FEATURES),
    "DySample": lambda: DySample(FEATURES, 2, "lp"),
    "DySample+": lambda: DySample(FEATURES, 2, "lp", dynamic=True),
    "DySample-S": lambda: DySample(FEATURES, 2, "pl"),
    "DySample-S+": lambda: DySample(FEATURES, 2, "pl", dynamic=True),
}
"""What is compared: from `(B, FEATURES, H, W)` to `(B, FEATURES, 2H, 2W)`."""


class Network(nn.Module):
    """`(B, 3, H, W)` float32 in [0, 1] to logits `(B, 11, H, W)`, of any size.

    The encoder halves the size four times; the decoder doubles it three times, each time with an upsampler of its own,
    adds the encoder's features of that size and smooths the sum by a 3×3 convolution. The logits are of half the size
    of the pictures, and are enlarged bilinearly in all networks.
    """

    def __init__(self, upsampler: str) -> None:
        super().__init__()
        first, *others = WIDTHS
        stages = (_two_layers(inputs, outputs) for inputs, outputs in zip(WIDTHS, others, strict=False))
        self.encoder = nn.ModuleList([_layer(3, first, 2), *stages])
        self.laterals = nn.ModuleList(nn.Conv2d(width, FEATURES, 1) for width in WIDTHS)
        self.smoothing = nn.ModuleList(_layer(FEATURES, FEATURES) for _ in others)
        self.head = nn.Conv2d(FEATURES, len(CLASSES), 1)
        # last, so that all else starts alike for one seed
        self.upsamplers = nn.ModuleList(UPSAMPLERS[upsampler]() for _ in others)

    def forward(self, pictures: Tensor) -> Tensor:
        logits = self.head(self.decode(pictures)[-1])
        return functional.interpolate(logits.float(), pictures.shape[2:], mode="bilinear", align_corners=False)

    def decode(self, pictures: Tensor) -> list[Tensor]:
        """The features of the decoder, from those of a sixteenth of the size to those of a half."""
        levels, features = list[Tensor](), pictures - 0.5
        for stage in self.encoder:
            features = stage(features)
            levels.append(features)
        decoded = [self.laterals[-1](levels[-1])]
        for index in reversed(range(len(levels) - 1)):
            height, width = levels[index].shape[2:]
            larger = self.upsamplers[index](decoded[-1])[:, :, :height, :width]
            decoded.append(self.smoothing[index](larger + self.laterals[index](levels[index])))
        return decoded


def _layer(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    convolution = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))


def _two_layers(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(_layer(inputs, outputs, 2), _layer(outputs, outputs))


def scores(confusion: Tensor) -> Tensor:
    """Intersection over union of each class, from counts `(truth, prediction)`; NaN for a class that is nowhere."""
    right = confusion.diagonal()
    return right / (confusion.sum(0) + confusion.sum(1) - right)


def count(logits: Tensor, labels: Tensor) -> Tensor:
    """Counts `(truth, prediction)` of the pixels that are not void."""
    classes = logits.shape[1]
    known = labels < classes
    pairs = labels[known].long() * classes + logits.argmax(1)[known]
    return torch.bincount(pairs, minlength=classes**2).reshape(classes, classes)


def loss(logits: Tensor, labels: Tensor, weights: Tensor) -> Tensor:
    """Weighted cross-entropy of the pixels that are not void."""
    return functional.cross_entropy(logits.float(), labels.long(), weights, ignore_index=logits.shape[1])
