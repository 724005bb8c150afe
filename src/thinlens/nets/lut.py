"""LUT: two layers of tables of single values, ours.

As with EC-LUT [Yin2024] nothing is multiplied once its tables are made, and as with TinyLUT [Li2024] each table has one
index, so that it stays small. A feature map is a sum of tables, one for each pixel of a neighborhood, indexed by that
pixel; a high-resolution pixel is a sum over 3×3 of tables, one for each feature map and for the picture itself, indexed
by those. The neighborhood is a diamond, |y| + |x| ≤ `kernel` // 2: half of the square, nearly all of its worth.

While it is trained, each table is a piecewise linear function of its value: a weight for the value and one for each of
the triangles ("hats") between evenly spaced knots. All that a table adds is that values between knots are rounded.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from ..program import Activation, Convolution, Operation, Padding, PixelShuffle
from . import network
from .layers import array, correlate

SEGMENTS = 8
"""Pieces of each piecewise linear function of a value in [0, 1]."""
MAP_LEVELS = 64
"""Values of a feature map in [0, 1] that are distinguished while training."""
TABLE_LEVELS = 128
"""And by tables: with twice as many they lose half as much of the PSNR, and are a third larger."""
PARTS = SEGMENTS + 2
"""Weights of a function: of the value itself and of each hat."""


@dataclass(frozen=True)
class Config(network.Config):
    """`maps` feature maps, each from a diamond of pixels that is `kernel` high and wide."""

    form: ClassVar[str] = "LUT_s{scale}_K{kernel}_C{maps}"
    kernel: Annotated[int, network.Size(odd=True, called="the kernel")]
    maps: network.Positive


class Network(network.Network):
    """Sums of functions of pixels, clipped to [0, 1]; then sums of functions of those and of the pixels themselves."""

    config: Config

    def __init__(self, config: Config, padding: Padding) -> None:
        super().__init__(config, padding)
        maps, kernel, outputs = config.maps, config.kernel, config.scale**2
        self.diamond: Tensor
        self.register_buffer("diamond", torch.from_numpy(diamond(kernel)), persistent=False)
        places = int(self.diamond.sum())
        self.first = nn.Parameter(0.02 * torch.randn(maps, PARTS, places) / kernel)
        self.bias = nn.Parameter(torch.full((maps,), 0.5))
        self.last = nn.Parameter(0.02 * torch.randn(outputs, (maps + 1) * PARTS, 3, 3) / (3 * PARTS * maps) ** 0.5)
        with torch.no_grad():
            # maps begin as differences between pixels around one half, the picture as its bilinear enlargement
            difference = 1.5 * torch.randn(maps, places) / kernel
            self.first[:, 0] += difference - difference.mean(1, keepdim=True)
            self.last[:, 0] += torch.from_numpy(bilinear(config.scale))

    def forward(self, low: Tensor) -> Tensor:
        picture = hats(low)
        maps = correlate(picture, self.square(), self.bias, self.padding).float().clamp(0, 1)
        maps = maps + (rounded(maps) - maps).detach()  # straight through: the gradient is that of the unrounded value
        values = torch.cat([picture, hats(maps)], dim=1)
        enlarged = correlate(values, self.last, None, self.padding)
        return functional.pixel_shuffle(enlarged.float(), self.config.scale)

    def square(self) -> Tensor:
        """The first layer's weights as `(maps, PARTS, kernel, kernel)`, zeros around the diamond."""
        square = self.first.new_zeros(*self.first.shape[:2], *self.diamond.shape)
        return square.masked_scatter(self.diamond, self.first)

    def operations(self) -> list[Operation]:
        """A chain: hats are sums of relu(value - knot), and so is what is clipped to [0, 1]; of a one, a last channel,
        come the values at 0."""
        maps, kernel, inputs = self.config.maps, self.config.kernel, self.config.maps + 1
        knots = (-np.arange(SEGMENTS + 1) / SEGMENTS).astype(np.float32)
        start, slopes = slopes_of(self.square())
        # the picture goes on as the first map
        first = np.zeros((inputs, SEGMENTS + 1, kernel, kernel), np.float32)
        first[0, 0, kernel // 2, kernel // 2] = 1
        first[1:, :-1], first[1:, -1] = slopes[:, :SEGMENTS], start
        bias = np.concatenate([[0], array(self.bias)]).astype(np.float32)
        start, slopes = slopes_of(self.last.unflatten(1, (inputs, PARTS)).flatten(0, 1))
        last = slopes.reshape(-1, inputs * (SEGMENTS + 1), 3, 3)
        last = np.concatenate([last, start.reshape(-1, inputs, 3, 3).sum(1, keepdims=True)], axis=1)
        ones, none = np.ones((SEGMENTS, 1), np.float32), np.zeros((1, maps + 1), np.float32)
        each = np.repeat(np.eye(inputs, dtype=np.float32), SEGMENTS + 1, axis=0)
        return [
            _of_one_pixel(0, np.concatenate([ones, none[:, :1]]), knots[:-1], self.padding),
            Activation(1, "relu"),
            Convolution(2, first, bias, self.padding),
            _of_one_pixel(3, np.concatenate([each, none]), np.tile(knots, inputs), self.padding),
            Activation(4, "relu"),
            Convolution(5, last, None, self.padding),
            PixelShuffle(6, self.config.scale),
        ]


def _of_one_pixel(source: int, weight: NDArray[np.float32], bias: NDArray[np.float32], padding: Padding) -> Convolution:
    """A 1×1 convolution, a one after the other biases."""
    return Convolution(source, weight[..., None, None], np.append(bias, np.float32(1)), padding)


def diamond(kernel: int) -> NDArray[np.bool_]:
    """`(kernel, kernel)`: whether a place is in the diamond."""
    distance = np.abs(np.arange(kernel) - kernel // 2)
    return distance[:, None] + distance <= kernel // 2


def hats(values: Tensor) -> Tensor:
    """`(B, C, H, W)` in [0, 1] to `(B, C · PARTS, H, W)`: each value, and how near it is to each knot, 1 to 0."""
    knots = torch.arange(SEGMENTS + 1, device=values.device, dtype=values.dtype)[:, None, None]
    near = (1 - (values[:, :, None] * SEGMENTS - knots).abs()).clamp_min(0)
    return torch.cat([values[:, :, None], near], dim=2).flatten(1, 2)


def rounded(maps: Tensor) -> Tensor:
    """Feature maps in [0, 1], about as tables see them."""
    return (maps * (MAP_LEVELS - 1)).round() / (MAP_LEVELS - 1)


def slopes_of(weight: Tensor) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Functions `(N, PARTS, h, w)` as their values at 0, `(N, h, w)`, and by how much their slopes grow at each knot,
    `(N, SEGMENTS + 1, h, w)`; at the last they become flat."""
    knots = torch.arange(SEGMENTS + 1, dtype=torch.float64)[:, None, None] / SEGMENTS
    weight = weight.detach().cpu().double()
    values = weight[:, 1:] + weight[:, :1] * knots
    flat = torch.zeros_like(values[:, :1])
    slopes = torch.diff(values, dim=1) * SEGMENTS
    return array(values[:, 0]), array(torch.diff(slopes, dim=1, prepend=flat, append=flat))


def bilinear(scale: int) -> NDArray[np.float32]:
    """`(scale², 3, 3)`: bilinear enlargement as convolutions, one for each sub-pixel."""
    offsets = (np.arange(scale) + 0.5) / scale - 0.5
    taps = np.stack([np.maximum(-offsets, 0), 1 - np.abs(offsets), np.maximum(offsets, 0)], axis=1)
    return np.einsum("iy,jx->ijyx", taps, taps).reshape(scale**2, 3, 3).astype(np.float32)
