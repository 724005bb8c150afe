"""The layers that the many-layer networks share, and what each of them is in a program."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from ..program import Activation, Convolution, Operation, Padding


class Layer(nn.Conv2d):
    """A convolution with an odd kernel that keeps the size; outside the map are zeros, or its edge repeated."""

    def __init__(self, inputs: int, outputs: int, kernel: int, padding: Padding = "zero", bias: bool = True) -> None:
        mode = "zeros" if padding == "zero" else "replicate"
        super().__init__(inputs, outputs, kernel, padding=kernel // 2, padding_mode=mode, bias=bias)
        self.edges: Padding = padding


class Enlargement(nn.ConvTranspose2d):
    """A 9×9 transposed convolution to one map, `scale` times larger, computed as a convolution and a pixel shuffle."""

    taps: Tensor

    def __init__(self, inputs: int, scale: int, padding: Padding = "zero") -> None:
        super().__init__(inputs, 1, 9, scale, padding=(8 - scale) // 2 + 1, output_padding=(scale + 1) % 2)
        self.edges: Padding = padding
        self.scale = scale
        self.register_buffer("taps", self._taps(), persistent=False)

    def forward(self, input: Tensor, output_size: list[int] | None = None) -> Tensor:
        assert self.bias is not None
        maps = correlate(input, self.kernels(), self.bias.expand(self.scale**2), self.edges)
        return functional.pixel_shuffle(maps, self.scale)

    def kernels(self) -> Tensor:
        """`(scale², in, kernel, kernel)`: for each sub-pixel position the taps that reach it, flipped.

        Output position scale·y + i receives tap i + padding - scale·d from the low pixel at y + d.
        """
        weight = functional.pad(self.weight[:, 0], (0, 1, 0, 1))  # tap 9 is none
        phases = weight[:, self.taps][..., self.taps]  # (in, i, dy, j, dx)
        return phases.permute(1, 3, 0, 2, 4).flatten(0, 1)

    def _taps(self) -> Tensor:
        s, start = self.scale, int(self.padding[0])
        radius = max(s - 1 + start, 8 - start) // s
        offsets = range(-radius, radius + 1)
        taps = [[i + start - s * d for d in offsets] for i in range(s)]
        return torch.tensor([[k if 0 <= k < 9 else 9 for k in row] for row in taps])


def correlate(maps: Tensor, weight: Tensor, bias: Tensor | None, padding: Padding) -> Tensor:
    """Correlate `(B, in, H, W)` with `(out, in, kernel, kernel)`, keeping the size."""
    radius = weight.shape[-1] // 2
    if padding == "zero" or radius == 0:
        return functional.conv2d(maps, weight, bias, padding=radius)
    return functional.conv2d(functional.pad(maps, [radius] * 4, "replicate"), weight, bias)


def lower_chain(layers: nn.Sequential, source: int = 0) -> list[Operation]:
    """The operations of layers in a row, the first of which reads the value `source`, each other the one before."""
    ops: list[Operation] = []
    for layer in layers:
        if isinstance(layer, Enlargement):
            assert layer.bias is not None
            bias = array(layer.bias.expand(layer.scale**2))
            ops.append(Convolution(source, array(layer.kernels()), bias, layer.edges))
        elif isinstance(layer, Layer):
            bias = None if layer.bias is None else array(layer.bias)
            ops.append(Convolution(source, array(layer.weight), bias, layer.edges))
        else:
            ops.append(lower_activation(layer, source, _channels(ops)))
        source += 1
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


def _channels(ops: list[Operation]) -> int:
    last = ops[-1]
    assert isinstance(last, Convolution)
    return len(last.weight)
