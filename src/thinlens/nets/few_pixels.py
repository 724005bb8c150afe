"""What SR-LUT and EC-LUT share: layers that see a few pixels and nothing else, on the picture turned four ways.

As they see so little, their result for all pixels that there can be is a table (`bake.tabulate`). No picture is turned:
the layers are applied to the pixels that lie there in the turned one, and the rows of the last layer's weights are put
in the order that its values have once turned back. So the last layer adds up the four turns too.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from ..program import Activation, Add, Convolution, Operation, Padding, PixelShuffle, ShiftAndSum
from . import network
from .layers import array

FEATURES, LAYERS = 64, 4
"""Feature maps of each layer, and the layers between the first and the last."""
LEVELS = 256


class FewPixels(network.Network):
    """A convolution with a tap for each of `pixels` (y, x), 1×1 layers, and maps that are shuffled, shifted and summed.

    `maps` and `step` are those of `ShiftAndSum`, `gain` is what the sum of all is multiplied by. Padded with the edge,
    as all our networks, these are reflected instead, as in their articles; padded with zeros, there are zeros around
    the picture and around the maps. Training on whole 8-bit levels is quickest: each pair of pixels is computed once,
    however often it occurs.
    """

    whole_levels = True

    def __init__(
        self, config: network.Config, padding: Padding, pixels: Sequence[tuple[int, int]], maps: int, step: int
    ) -> None:
        super().__init__(config, padding)
        self.shuffle = ShiftAndSum(0, config.scale, maps, step, rotations=4)
        turns = range(self.shuffle.rotations)
        self.pixels = [[self.shuffle.rotate(y, x, turn) for y, x in pixels] for turn in turns]
        self.radius = max(abs(place) for pixel in pixels for place in pixel)
        outputs = maps * config.scale**2
        sizes = [len(pixels), *[FEATURES] * (LAYERS + 1), outputs]
        self.layers = nn.ModuleList(nn.Linear(*pair) for pair in pairwise(sizes))
        for layer in self.layers:
            assert isinstance(layer, nn.Linear)
            nn.init.kaiming_normal_(layer.weight)
            nn.init.zeros_(layer.bias)
        places = self.shuffle.places()
        self.register_buffer("places", torch.from_numpy(places).long(), persistent=False)
        self.register_buffer("patches", torch.from_numpy(_patches(self.shuffle)), persistent=False)

    places: Tensor
    patches: Tensor

    @property
    def gain(self) -> Tensor | float:
        """What the sum of all turns and maps is multiplied by."""
        return 1 / (self.shuffle.rotations * self.shuffle.maps)

    def forward(self, low: Tensor) -> Tensor:
        seen = self.seen(low)
        if self.padding == "zero":
            return self.overlapped(seen)
        weight, bias = self.last()
        features = self.features(seen).flatten(3)
        values = functional.linear(features, weight.permute(1, 0, 2).flatten(1), bias.sum(0)).movedim(-1, 1)
        return self.shifted(values.float())

    def seen(self, low: Tensor) -> Tensor:
        """`(B, H, W, turns, pixels)` of a picture `(B, 1, H, W)`: what the first layer is applied to."""
        height, width = low.shape[2:]
        framed = framed_by(low[:, 0], self.radius, self.padding)
        places = [[(self.radius + y, self.radius + x) for y, x in turn] for turn in self.pixels]
        turns = [[framed[:, y : y + height, x : x + width] for y, x in turn] for turn in places]
        return torch.stack([torch.stack(turn, -1) for turn in turns], -2)

    def features(self, seen: Tensor) -> Tensor:
        """`(…, pixels)` to the `(…, FEATURES)` that the last layer sees."""
        first, *others = list(self.layers)[:-1]
        assert isinstance(first, nn.Linear)
        with torch.autocast(seen.device.type, enabled=False):  # a level has more bits than bfloat16
            features = first(seen).relu()
        for layer in others:
            features = layer(features).relu()
        return features

    def last(self) -> tuple[Tensor, Tensor]:
        """The last layer for each turn, `gain` included: weight `(turns, maps · scale², FEATURES)` and bias."""
        layer = self.layers[-1]
        assert isinstance(layer, nn.Linear)
        return (layer.weight * self.gain)[self.places], (layer.bias * self.gain)[self.places]

    def shifted(self, values: Tensor) -> Tensor:
        """`(B, maps · scale², H, W)` to the result: shuffled, shifted and summed, reflected at the edge."""
        maps = functional.pixel_shuffle(values, self.config.scale)
        kernel, step = self.shuffle.kernel, self.shuffle.step
        taps = torch.eye(self.shuffle.maps, device=maps.device).flip(0).view(1, -1, kernel, kernel)
        with torch.autocast(maps.device.type, enabled=False):
            return functional.conv2d(framed_by(maps, step * (kernel // 2), self.padding), taps, dilation=step)

    def overlapped(self, seen: Tensor) -> Tensor:
        """From what layers see to the result, zeros around all maps: those of a pixel are one patch, summed before.

        `(B, H, W, turns, pixels)` to `(B, 1, scale · H, scale · W)`.
        """
        weight, bias = self.last()
        with torch.autocast(seen.device.type, enabled=False):
            weight, bias = self.patches @ weight, bias @ self.patches.mT
        batch, height, width = seen.shape[:3]
        if (found := distinct(seen)) is not None:
            pairs, place = found
            features = self.features(pairs)
            rows = functional.linear(features, weight.flatten(0, 1), bias.flatten()).float()  # (pairs, turns · patch)
            turns = torch.arange(len(weight))
            values = functional.embedding_bag(place * len(turns) + turns, rows.view(-1, weight.shape[1]), mode="sum")
        else:
            features = self.features(seen).flatten(0, 2).flatten(1)
            values = functional.linear(features, weight.permute(1, 0, 2).flatten(1), bias.sum(0)).float()
        scale, margin = self.config.scale, self.shuffle.step * (self.shuffle.kernel // 2)
        return functional.fold(
            values.view(batch, height * width, -1).mT,
            (height * scale, width * scale),
            scale + 2 * margin,
            padding=margin,
            stride=scale,
        )

    def operations(self) -> list[Operation]:
        kernel = 2 * self.radius + 1
        first, *others = (layer for layer in list(self.layers)[:-1] if isinstance(layer, nn.Linear))
        weights, biases = (array(part) for part in self.last())
        ops: list[Operation] = []
        results: list[int] = []
        for turn, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
            taps = np.zeros((FEATURES, 1, kernel, kernel), np.float32)
            for tap, (y, x) in zip(array(first.weight).T, self.pixels[turn], strict=True):
                taps[:, 0, self.radius + y, self.radius + x] = tap
            ops.append(Convolution(0, taps, array(first.bias), "reflect" if self.padding == "edge" else "zero"))
            ops.append(Activation(len(ops), "relu"))
            for layer in others:
                ops.append(Convolution(len(ops), array(layer.weight)[:, :, None, None], array(layer.bias)))
                ops.append(Activation(len(ops), "relu"))
            ops.append(Convolution(len(ops), weight[:, :, None, None], bias))
            results.append(len(ops))
        total = results[0]
        for result in results[1:]:
            ops.append(Add(total, result))
            total = len(ops)
        maps, kernel, scale = self.shuffle.maps, self.shuffle.kernel, self.config.scale
        if maps == 1:
            return [*ops, PixelShuffle(total, scale)]
        if self.padding == "edge":
            return [*ops, ShiftAndSum(total, scale, maps, self.shuffle.step)]
        return [*ops, *_shifted_over_zeros(total, self.shuffle)]


def framed_by(planes: Tensor, radius: int, padding: Padding) -> Tensor:
    """Planes `(…, H, W)` with a frame: of zeros, or reflected without repeating the edge, as often as it takes."""
    if padding == "zero" or radius == 0:
        return functional.pad(planes, [radius] * 4)
    height, width = planes.shape[-2:]
    if min(height, width) > radius and planes.dim() > 2:
        return functional.pad(planes, [radius] * 4, "reflect")
    for axis, length in ((-2, height), (-1, width)):
        period = max(2 * (length - 1), 1)
        wrapped = torch.arange(-radius, length + radius, device=planes.device) % period
        planes = planes.index_select(axis, torch.minimum(wrapped, period - wrapped) if length > 1 else wrapped * 0)
    return planes


def distinct(seen: Tensor) -> tuple[Tensor, Tensor] | None:
    """The pairs `(N, 2)` of 8-bit levels that occur among `(…, 2)`, and for each of these where it is, `(M, turns)`.

    None where there are no pairs, or other values than levels; or on a GPU, which need not wait for how many there are.
    """
    if seen.shape[-1] != 2 or seen.device.type != "cpu":
        return None
    levels = seen * (LEVELS - 1)
    rounded = levels.round()
    if not bool((levels - rounded).abs().max() < 1e-3) or rounded.min() < 0 or rounded.max() >= LEVELS:
        return None
    rounded = rounded.int()
    rows = (rounded[..., 0] * LEVELS + rounded[..., 1]).long().flatten(0, -2)
    occurs = torch.zeros(LEVELS**2, dtype=torch.bool)
    occurs[rows.flatten()] = True
    found = occurs.nonzero()[:, 0]
    numbers = torch.zeros(LEVELS**2, dtype=torch.int64)
    numbers[found] = torch.arange(len(found))
    pairs = torch.stack([found // LEVELS, found % LEVELS], -1) / (LEVELS - 1)
    return pairs, numbers[rows]


def _patches(shuffle: ShiftAndSum) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """`(side², maps · scale²)` of zeros and ones: where in the patch of a pixel each of its values belongs."""
    margin, scale = shuffle.step * (shuffle.kernel // 2), shuffle.scale
    side = scale + 2 * margin
    result = np.zeros((side, side, shuffle.maps, scale, scale), np.float32)
    for k in range(shuffle.maps):
        top, left = (shuffle.step * place for place in divmod(k, shuffle.kernel))
        for row in range(scale):
            for column in range(scale):
                result[top + row, left + column, k, row, column] = 1
    return result.reshape(side**2, -1)


def _shifted_over_zeros(source: int, shuffle: ShiftAndSum) -> list[Operation]:
    """Nine maps, shuffled, shifted and summed with zeros around them, as a convolution and a pixel shuffle."""
    scale, margin = shuffle.scale, shuffle.step
    radius = -(-margin // scale)
    kernel = 2 * radius + 1
    patch = _patches(shuffle).reshape(scale + 2 * margin, scale + 2 * margin, -1)
    weight = np.zeros((kernel * scale, kernel * scale, patch.shape[2]), np.float32)
    start = radius * scale - margin
    weight[start : start + len(patch), start : start + len(patch)] = patch
    blocks = weight.reshape(kernel, scale, kernel, scale, -1)[::-1, :, ::-1]  # a pixel's patch reaches the ones around
    return [
        Convolution(source, blocks.transpose(1, 3, 4, 0, 2).reshape(scale**2, -1, kernel, kernel), None),
        PixelShuffle(source + 1, scale),
    ]
