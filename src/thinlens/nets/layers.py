"""The layers that the many-layer networks share, and what each of them is in a program."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from ..program import Activation, Convolution, Operation, Padding


class Layer(nn.Conv2d):
    """A convolution with an odd kernel that keeps the size: its input is padded with zeros, or with its edge."""

    def __init__(self, inputs: int, outputs: int, kernel: int, padding: Padding, bias: bool = True) -> None:
        mode = "zeros" if padding == "zero" else "replicate"
        super().__init__(inputs, outputs, kernel, padding=kernel // 2, padding_mode=mode, bias=bias)


class TransposedConvolution(nn.ConvTranspose2d):
    """9×9 taps, stride `scale`, one output; computed as a convolution at low resolution and a pixel shuffle."""

    taps: Tensor

    def __init__(self, inputs: int, scale: int, padding: Padding) -> None:
        super().__init__(inputs, 1, 9, scale, padding=(8 - scale) // 2 + 1, output_padding=(scale + 1) % 2)
        self.source_padding: Padding = padding
        self.scale = scale
        self.register_buffer("taps", self._taps(), persistent=False)

    def forward(self, input: Tensor, output_size: list[int] | None = None) -> Tensor:
        return functional.pixel_shuffle(correlate(input, *self.convolution(), self.source_padding), self.scale)

    def convolution(self) -> tuple[Tensor, Tensor]:
        """Weight `(scale², in, kernel, kernel)`, for each sub-pixel position the taps that reach it, flipped; and bias.

        Output position scale·y + i receives tap i + padding - scale·d from the low-resolution pixel at y + d.
        """
        assert self.bias is not None
        weight = functional.pad(self.weight[:, 0], (0, 1, 0, 1))  # tap 9 is none
        phases = weight[:, self.taps][..., self.taps]  # (in, i, dy, j, dx)
        return phases.permute(1, 3, 0, 2, 4).flatten(0, 1), self.bias.expand(self.scale**2)

    def _taps(self) -> Tensor:
        s, start = self.scale, int(self.padding[0])
        radius = max(s - 1 + start, 8 - start) // s
        offsets = range(-radius, radius + 1)
        taps = [[i + start - s * d for d in offsets] for i in range(s)]
        return torch.tensor([[k if 0 <= k < 9 else 9 for k in row] for row in taps])


def three_layers(first: int, second: int, last: int, padding: Padding, bias: bool = True) -> nn.Sequential:
    """5×5, 3×3 and 3×3 convolutions to so many feature maps, tanh between; where `first` is 0 the 5×5 is missing."""
    layers = [Layer(1, first, 5, padding), nn.Tanh()] if first else []
    layers += [Layer(first or 1, second, 3, padding), nn.Tanh(), Layer(second, last, 3, padding, bias)]
    return nn.Sequential(*layers)


def correlate(features: Tensor, weight: Tensor, bias: Tensor | None, padding: Padding) -> Tensor:
    """Correlate `(B, in, H, W)` with `(out, in, kernel, kernel)`, keeping the size."""
    radius = weight.shape[-1] // 2
    if padding == "zero" or radius == 0:
        return functional.conv2d(features, weight, bias, padding=radius)
    return functional.conv2d(functional.pad(features, [radius] * 4, "replicate"), weight, bias)


def lower_chain(layers: nn.Sequential, padding: Padding) -> list[Operation]:
    """The operations of layers in a row, the first of which reads the picture, each other the one before."""
    ops: list[Operation] = []
    channels = 1
    for source, layer in enumerate(layers):
        if isinstance(layer, Layer | TransposedConvolution):
            weight, bias = (layer.weight, layer.bias) if isinstance(layer, Layer) else layer.convolution()
            ops.append(Convolution(source, array(weight), None if bias is None else array(bias), padding))
            channels = len(weight)
        else:
            ops.append(lower_activation(layer, source, channels))
    return ops


def lower_activation(layer: nn.Module, source: int, channels: int) -> Activation:
    """What an activation layer is in a program, after training."""
    match layer:
        case nn.PReLU():
            return Activation(source, "prelu", np.broadcast_to(array(layer.weight), (channels,)))
        case nn.RReLU() if layer.lower + layer.upper == 0:
            return Activation(source, "relu")  # its mean slope
        case nn.ReLU():
            return Activation(source, "relu")
        case nn.Tanh():
            return Activation(source, "tanh")
        case nn.Softplus():
            return Activation(source, "softplus")
        case _:
            raise TypeError(f"{type(layer).__name__} has no operation in a program")


def array(tensor: Tensor) -> NDArray[np.float32]:
    """A tensor as a float32 array in memory."""
    return tensor.detach().cpu().float().numpy()
