"""DySample: upsampling by point sampling, a drop-in for interpolation, transposed convolution and pixel shuffle.

W. Liu, H. Lu, H. Fu, Z. Cao: Learning to Upsample by Learning to Sample. ICCV 2023, arXiv 2308.15085 [Liu2023].
"""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..program import Activation, Convolution, Multiply, Operation, PixelShuffle, PointSample, Program, Slice
from .layers import array

Style = Literal["lp", "pl"]
STATIC, DYNAMIC = 0.25, 0.5
"""What offsets are multiplied by: with a static scope, and with a dynamic one, which starts at a half of it."""


class DySample(nn.Module):
    """`(B, channels, H, W)` feature maps to `(B, channels, scale·H, scale·W)` of the same dtype.

    Every pixel of the result is the bilinear sample of the source at its own place plus an offset that the source says:
    by a 1×1 convolution, then a pixel shuffle (style "lp", linear and pixel shuffle), or by a pixel shuffle, then the
    convolution ("pl"), which has scale⁴ times fewer weights. The channels of each of `groups` equal groups move
    together. Offsets are in pixels of the source, x to the right and y down; beyond its edge, the edge is repeated.
    With a static scope they are a quarter of what the convolution says; a dynamic one, predicted too, lets them grow
    to a half of it. The article's names: DySample is "lp", DySample+ "lp" and dynamic, DySample-S and -S+ are "pl".

    Tensors are named as published: `offset.weight`, `offset.bias`, `scope.weight` and the buffer `init_pos`
    `(1, 2·groups·scale², 1, 1)`, whose channels are coordinate (x, then y), group, sub-pixel (row by row). Before
    training it is bilinear interpolation, but for offsets of a few thousandths of a pixel.

    Raises ValueError where `channels` cannot be divided.
    """

    init_pos: Tensor

    def __init__(
        self, channels: int, scale: int = 2, style: Style = "lp", groups: int = 4, dynamic: bool = False
    ) -> None:
        super().__init__()
        if style not in get_args(Style):
            raise ValueError(f"style must be one of {', '.join(get_args(Style))}, got {style!r}")
        if channels < 1 or scale < 1 or groups < 1:
            raise ValueError(f"channels, scale and groups must be at least 1, got {channels}, {scale} and {groups}")
        if channels % groups:
            raise ValueError(f"{channels} channels are not {groups} equal groups: choose groups that divide them")
        if style == "pl" and channels % scale**2:
            raise ValueError(
                f"{channels} channels do not shuffle by {scale}: "
                f"style 'pl' needs a multiple of {scale**2}, 'lp' does not"
            )
        self.channels, self.scale, self.groups, self.dynamic = channels, scale, groups, dynamic
        self.style: Style = style
        inputs, outputs = (channels, 2 * groups * scale**2) if style == "lp" else (channels // scale**2, 2 * groups)
        self.offset = nn.Conv2d(inputs, outputs, 1)
        nn.init.normal_(self.offset.weight, std=0.001)
        assert self.offset.bias is not None
        nn.init.zeros_(self.offset.bias)
        if dynamic:
            self.scope = nn.Conv2d(inputs, outputs, 1, bias=False)
            nn.init.zeros_(self.scope.weight)
        self.register_buffer("init_pos", _centers(scale, groups))

    def forward(self, features: Tensor) -> Tensor:
        return self.sample(features, self.offsets(features))

    def offsets(self, features: Tensor) -> Tensor:
        """`(B, 2, groups, scale·H, scale·W)`, in pixels of the source: how far from its own place each pixel is read.

        float32 at least, also where the convolutions are computed in less (autocast).
        """
        source = functional.pixel_shuffle(features, self.scale) if self.style == "pl" else features
        offsets = _exact(self.offset(source))
        scope = _exact(self.scope(source)).sigmoid() * DYNAMIC if self.dynamic else STATIC
        offsets = offsets * scope
        if self.style == "lp":
            offsets = functional.pixel_shuffle(offsets, self.scale)
        return offsets.unflatten(1, (2, self.groups))

    def sample(self, features: Tensor, offsets: Tensor) -> Tensor:
        """The features read at the places that the offsets say, as `forward` returns them."""
        batch, _, height, width = features.shape
        starts = functional.pixel_shuffle(self.init_pos.to(offsets.dtype), self.scale)  # (1, 2·groups, scale, scale)
        places = offsets + starts.repeat(1, 1, height, width).unflatten(1, (2, self.groups))
        column, row = (
            torch.arange(size, dtype=offsets.dtype, device=offsets.device).repeat_interleave(self.scale) + 0.5
            for size in (width, height)
        )
        # from pixels to what grid_sample takes, which calls the edges of the source -1 and 1
        x, y = (places[:, 0] + column) * (2 / width) - 1, (places[:, 1] + row[:, None]) * (2 / height) - 1
        grid = torch.stack([x, y], -1).flatten(0, 1)
        groups = features.to(offsets.dtype).reshape(batch * self.groups, self.channels // self.groups, height, width)
        sampled = functional.grid_sample(groups, grid, "bilinear", "border", align_corners=False)
        return sampled.reshape(batch, self.channels, height * self.scale, width * self.scale).to(features.dtype)

    def operations(self, source: int, count: int, bound: float) -> list[Operation]:
        """What the module computes of value `source`, as the operations that follow `count` others in a program.

        A program clamps offsets to `bound` pixels, which has to be more than they ever are (see `PointSample`).
        """
        ops, values = list[Operation](), source

        def add(op: Operation) -> int:
            ops.append(op)
            return count + len(ops)

        if self.style == "pl":
            values = add(PixelShuffle(source, self.scale))
        factor = DYNAMIC if self.dynamic else STATIC
        assert self.offset.bias is not None
        offsets = add(Convolution(values, array(self.offset.weight * factor), array(self.offset.bias * factor)))
        if self.dynamic:
            scope = add(Activation(add(Convolution(values, array(self.scope.weight))), "sigmoid"))
            offsets = add(Multiply(offsets, scope))
        if self.style == "lp":
            offsets = add(PixelShuffle(offsets, self.scale))
        add(PointSample(source, offsets, self.groups, self.scale, bound))
        return ops

    def lower(self, bound: float) -> Program:
        """The module as a program of feature maps, `(H, W, channels)` float32, which `thinlens.compile` takes.

        Channels last in memory is how torch calls that layout.
        """
        name = (
            f"DySample_s{self.scale}_C{self.channels}_G{self.groups}_{self.style}{'_dynamic' if self.dynamic else ''}"
        )
        if self.style == "lp":
            return Program(name, tuple(self.operations(0, 0, bound)))
        # a pixel shuffle does not know how many channels it reads, a slice says it
        return Program(name, (Slice(0, self.channels, 0, self.channels), *self.operations(1, 1, bound)))

    def extra_repr(self) -> str:
        return (
            f"{self.channels}, scale={self.scale}, style={self.style!r}, groups={self.groups}, dynamic={self.dynamic}"
        )


def _centers(scale: int, groups: int) -> Tensor:
    """Where the sub-pixels of a pixel are, from its center, in pixels: `(1, 2·groups·scale², 1, 1)`."""
    steps = (torch.arange(scale) - (scale - 1) / 2) / scale
    x, y = steps.expand(scale, scale), steps[:, None].expand(scale, scale)
    return torch.stack([x, y])[:, None].repeat(1, groups, 1, 1).reshape(1, -1, 1, 1)


def _exact(values: Tensor) -> Tensor:
    """At least float32: in 16 bits, coordinates of a wide picture would be off by a pixel."""
    return values.to(torch.promote_types(values.dtype, torch.float32))
