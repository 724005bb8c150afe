"""A network of two layers of functions of single values as tables."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..program import (
    FRACTION_BITS,
    Activation,
    Add,
    Convolution,
    Lookup,
    Operation,
    PixelShuffle,
    Program,
    Rescale,
    ShiftAndSum,
    fits_16_bits,
)

LEVELS = 256
MAP_BITS = 6
"""A whole step between levels of a feature map, in bits of the sums that become it, at most."""

Table = NDArray[Any]


def to_layered_tables(program: Program, map_levels: int) -> Program | None:
    """The look-up program of a float program that is two layers of functions of single values; None if it is not.

    Such a program is a 1×1 convolution and relu, then a convolution: sums of functions of pixels, which are feature
    maps. A 1×1 convolution in which each channel reads one map, relu, and a 3×3 convolution: sums of functions of maps;
    then a pixel shuffle. Feature maps are rounded to `map_levels` levels, a power of two, between the first and the
    last point where such a function bends; one that is a function of the pixel itself stays one of its 256 levels. Sums
    have 16 bits, which they fill as far as no picture takes them beyond: beside the rounding of maps, results differ
    from the program's by less than a tenth of an 8-bit level, root mean square.
    """
    parts = _Layers.of(program)
    if parts is None:
        return None
    direct = [index for index in range(len(parts.maps)) if parts.of_own_pixel(index)]
    others = [index for index in range(len(parts.maps)) if index not in direct]
    first, bits = _first_tables(parts, others, map_levels)
    of_maps = np.stack([parts.patches(index, parts.levels_of(index, map_levels)) for index in others])
    of_pixels = sum((parts.patches(index, parts.own_function(index)) for index in direct), parts.constant_patches())
    second, own, unit = _quantized(of_maps, of_pixels[None])
    y, x = (place - parts.kernel // 2 for place in divmod(np.arange(parts.kernel**2), parts.kernel))
    read = first.any(axis=(1, 2))
    around = np.stack([0 * y, y, x], axis=-1)[read, None].astype(np.int32)
    each = np.array([[(index, 0, 0)] for index in range(len(others))], np.int32)
    scale = parts.scale
    ops: tuple[Operation, ...] = (
        Lookup(0, first[read], around, border="edge", summed=True),
        Rescale(1, LEVELS // map_levels << FRACTION_BITS - bits, 0, 0, LEVELS - 1 << FRACTION_BITS),
        Lookup(2, second, each, LEVELS // map_levels, border="edge", summed=True),
        Lookup(0, own, np.zeros((1, 1, 3), np.int32), border="edge"),
        Add(3, 4),
        ShiftAndSum(5, scale, 9, scale, border="edge"),
        Rescale(6, unit, 0, -32768, 32767),
    )
    return replace(program, ops=ops, uint8=None)


@dataclass(frozen=True)
class _Layers:
    """The two layers: weights as they are in the program, float64."""

    bends: Table  # (n, 2): weight and bias of what is linear before the first relu
    first: Table  # (maps, n, kernel, kernel)
    maps: Table  # (maps,): bias
    map_bends: Table  # (m, 3): map, weight and bias before the second relu; a map of -1 is none
    last: Table  # (scale², m, 3, 3)

    @classmethod
    def of(cls, program: Program) -> _Layers | None:
        match program.ops:
            case (
                Convolution(source=0) as a,
                Activation(source=1, function="relu"),
                Convolution(source=2) as b,
                Convolution(source=3) as c,
                Activation(source=4, function="relu"),
                Convolution(source=5) as d,
                PixelShuffle(source=6, scale=scale),
            ):
                pass
            case _:
                return None
        layers = (a, b, c, d)
        kernels = [layer.weight.shape[2] for layer in layers]
        if kernels[0] != 1 or kernels[2:] != [1, 3] or len(d.weight) != scale**2 or program.channels != 1:
            return None
        if any(layer.padding != "edge" or layer.weight.dtype != np.float32 for layer in layers) or d.bias is not None:
            return None
        read = c.weight[:, :, 0, 0] != 0
        if (read.sum(axis=1) > 1).any():
            return None
        biases = [np.zeros(len(x.weight)) if x.bias is None else x.bias.astype(np.float64) for x in layers]
        source = np.where(read.any(axis=1), read.argmax(axis=1), -1)
        bends = np.stack([a.weight[:, 0, 0, 0].astype(np.float64), biases[0]], axis=1)
        map_bends = np.stack([source, c.weight.astype(np.float64).sum(axis=(1, 2, 3)), biases[2]], axis=1)
        return cls(bends, b.weight.astype(np.float64), biases[1], map_bends, d.weight.astype(np.float64))

    @property
    def kernel(self) -> int:
        return self.first.shape[-1]

    @property
    def scale(self) -> int:
        return round(len(self.last) ** 0.5)

    def functions(self) -> Table:
        """`(maps, kernel, kernel, 256)`: what each pixel adds to each map, by its level."""
        values = np.arange(LEVELS) / (LEVELS - 1)
        bent = np.maximum(self.bends[:, :1] * values + self.bends[:, 1:], 0)
        return np.einsum("cnyx,nv->cyxv", self.first, bent)

    def of_own_pixel(self, index: int) -> bool:
        """Whether a map is a function of the pixel in its place alone."""
        others = self.functions()[index]
        center = self.kernel // 2
        return bool(
            np.abs(np.delete(others.reshape(-1, LEVELS), center * self.kernel + center, axis=0)).max(initial=0) == 0
        )

    def own_function(self, index: int) -> Table:
        """Values of such a map, by the level of its pixel."""
        center = self.kernel // 2
        return self.functions()[index, center, center] + self.maps[index]

    def range_of(self, index: int) -> tuple[float, float]:
        """Where functions of a map bend first and last: beyond, they are flat."""
        _, weight, bias = self.map_bends[self.map_bends[:, 0] == index].T
        bends = -bias / weight
        return float(bends.min()), float(bends.max())

    def levels_of(self, index: int, levels: int) -> Table:
        """The values that the levels of a map stand for."""
        return np.linspace(*self.range_of(index), levels)

    def patches(self, index: int, values: Table) -> Table:
        """`(values, 9 · scale²)`: what values of a map add to the pixels around it, map by map of nine."""
        mine = self.map_bends[:, 0] == index
        _, weight, bias = self.map_bends[mine].T
        bent = np.maximum(weight[:, None] * values + bias[:, None], 0)
        return _scattered(np.einsum("tmyx,mv->vyxt", self.last[:, mine], bent))

    def constant_patches(self) -> Table:
        """`(1, 9 · scale²)`: what is added everywhere."""
        none = self.map_bends[:, 0] == -1
        bent = np.maximum(self.map_bends[none, 2], 0)
        return _scattered(np.einsum("tmyx,m->yxt", self.last[:, none], bent)[None])


def _scattered(taps: Table) -> Table:
    """What a pixel reads from (y, x) away, `(values, 3, 3, scale²)`, is what that gives to the pixel at (-y, -x)."""
    return taps[:, ::-1, ::-1].reshape(len(taps), -1)


def _first_tables(parts: _Layers, maps: list[int], levels: int) -> tuple[NDArray[np.int16], int]:
    """`(kernel², 256, maps)`, and in how many bits of their sums one level is: the most that fit 16."""
    functions = parts.functions()[maps].reshape(len(maps), -1, LEVELS).transpose(1, 2, 0)
    ranges = np.array([parts.range_of(index) for index in maps])
    bias = parts.maps[maps] - ranges[:, 0]
    steps = (levels - 1) / (ranges[:, 1] - ranges[:, 0])
    total = (LEVELS // levels).bit_length() - 1 + FRACTION_BITS  # bits of a program's value that are below an index
    for bits in range(MAP_BITS, 2, -1):
        step, center = 1 << bits, len(functions) // 2
        table = functions * steps * step
        # an index is (sum · 2**(total - bits) + 32) >> total, which is to be the nearest level
        table[center] += bias * steps * step + step / 2 - 2.0 ** (FRACTION_BITS - 1 + bits - total)
        table = np.rint(table)
        if fits_16_bits([table]):
            return table.astype(np.int16), bits
    raise ValueError("the sums of the first layer do not fit 16 bits: its functions are too steep")


def _quantized(of_maps: Table, of_pixels: Table) -> tuple[NDArray[np.int16], NDArray[np.int16], int]:
    """Both tables in the finest unit with which all sums fit 16 bits, and what a unit is, as a value of a program."""
    nine = [table.reshape(*table.shape[:2], 9, -1) for table in (of_maps, of_pixels)]
    one = (LEVELS - 1) << FRACTION_BITS
    for unit in range(1, 1 << FRACTION_BITS):
        if fits_16_bits([np.rint(table[:, :, k] * (one / unit)) for table in nine for k in range(9)]):
            first, second = (np.rint(table * (one / unit)).astype(np.int16) for table in (of_maps, of_pixels))
            return first, second, unit
    raise ValueError("the sums of the last layer do not fit 16 bits: its functions are too steep")
