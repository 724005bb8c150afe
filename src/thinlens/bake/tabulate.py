"""A float program that sees a few pixels as a table of its results for all levels that those can have.

K. Yin, J. Shen: EC-LUT, AAAI 2024 [Yin2024]; Y. Jo, S. J. Kim: SR-LUT, CVPR 2021 [Jo2021].
"""

from __future__ import annotations

from dataclasses import dataclass
from math import frexp
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..program import (
    FRACTION_BITS,
    Activation,
    Add,
    Convolution,
    Lookup,
    LookupInterpolation,
    Operation,
    PixelShuffle,
    Program,
    Rescale,
    ShiftAndSum,
)
from ..program.reference import evaluate
from ..program.table_ops import LEVELS, Border

INTERVALS = {1: 1, 2: 1, 3: 8, 4: 16}
"""How far apart the samples of a table are, by how many pixels index it: with two there is a row for each pair."""
LARGEST_ENTRY = 127
MULTIPLIER_BITS = 15
"""Of the final rescale: any sum of 16 bits times it fits int32."""
ROWS = 1 << 14
"""Rows that are computed at a time."""


def tabulate(program: Program) -> Program:
    """The look-up program of a program of few pixels: an integer program for uint8 pictures.

    It takes up to four chains of layers that see the same pixels of the picture turned by 90° each time (`nets.sr_lut`,
    `nets.ec_lut`), up to four pixels of it. One or two pixels index the table by their levels, so that it holds all
    results; of more there are samples, between which it is interpolated. Entries are int8 in ±127, in the finest unit
    that holds them all, and are summed without rounding: at most 4 · 9 · 127 = 4,572, interpolated 4 · 127 · 16 =
    8,128, so sums fit int16; one rescale at the end brings them to the unit of pictures. A result differs from the
    float program's by half a unit times the square root of the entries in its sum, in noise: less than half a level
    for the networks of ours. Raises ValueError for other programs.
    Attach the result with `dataclasses.replace(program, uint8=tabulate(program))`.
    """
    found = _found(program)
    if isinstance(found, str):
        raise ValueError(found)
    interval = INTERVALS[len(found.pixels)]
    interpolation: LookupInterpolation = "none" if interval == 1 else "simplex"
    values = found.rows(interval) * (LEVELS - 1)
    multiplier, shift = rescale_for(float(np.abs(values).max()) / LARGEST_ENTRY, interval)
    entries = np.rint(values / unit_of(multiplier, shift, interval)).astype(np.int8)
    turned = [[(0, *found.shuffle.rotate(y, x, turn)) for y, x in found.pixels] for turn in range(found.turns)]
    ops = (
        Lookup(0, entries[None], np.array(turned, np.int32), interval, interpolation, found.border),
        ShiftAndSum(1, found.shuffle.scale, found.shuffle.maps, found.shuffle.step, found.turns),
        Rescale(2, multiplier, shift),
    )
    return Program(program.name, ops, None, program.provenance)


def supports(program: Program) -> str | None:
    """None, or why the program does not become a table."""
    found = _found(program)
    return found if isinstance(found, str) else None


def rescale_for(unit: float, interval: int = 1) -> tuple[int, int]:
    """Multiplier and shift that bring a sum of entries, each so many levels, to the unit of pictures; the unit that
    they stand for (`unit_of`) is not smaller, and larger by less than one in 2**14."""
    factor = unit * 2**FRACTION_BITS / interval
    _, exponent = frexp(factor)
    shift = min(max(MULTIPLIER_BITS - exponent, 0), 31)
    return max(int(np.ceil(factor * 2**shift)), 1), shift


def unit_of(multiplier: int, shift: int, interval: int = 1) -> float:
    """The inverse: the levels that an entry of 1 stands for."""
    return multiplier * interval / 2 ** (shift + FRACTION_BITS)


@dataclass(frozen=True)
class _FewPixels:
    """What the layers of a program see, in the picture as it is, and do; and how their values become a picture."""

    pixels: list[tuple[int, int]]
    border: Border
    first: NDArray[Any]
    chain: list[Operation]
    shuffle: ShiftAndSum
    turns: int

    def rows(self, interval: int) -> NDArray[np.float32]:
        """`(rows, outputs)`, for a picture in [0, 1]: of all levels of the pixels, so far apart, the first slowest."""
        samples = np.arange(0, LEVELS + (interval > 1), interval)
        grid = np.meshgrid(
            *[samples.astype(np.float32) * np.float32(1 / (LEVELS - 1))] * len(self.pixels), indexing="ij"
        )
        seen = np.stack([level.ravel() for level in grid])
        parts: list[NDArray[Any]] = []
        for start in range(0, seen.shape[1], ROWS):
            # the layers see a picture of one row
            planes = np.tensordot(self.first, seen[:, start : start + ROWS], axes=1)[:, None]
            for op in self.chain:
                planes = evaluate(op, [planes] * (op.operands()[0] + 1))
            parts.append(planes[:, 0].T)
        return np.concatenate(parts)


def _found(program: Program) -> _FewPixels | str:
    """The program taken apart, or why it is none of few pixels."""
    other = f"{program.name} does not become a table: "
    last = program.ops[-1]
    if program.integer or program.channels != 1 or not isinstance(last, PixelShuffle | ShiftAndSum):
        return other + "that takes layers of floats on luma, the last of which is shuffled, or shifted and summed"
    maps, step = (last.maps, last.step) if isinstance(last, ShiftAndSum) else (1, 1)
    chains = [_chain(program.ops, value) for value in _terms(program.ops, last.source)]
    if (isinstance(last, ShiftAndSum) and last.rotations > 1) or len(chains) not in (1, 2, 4) or None in chains:
        return other + "that takes one, two or four chains of layers, of which only the first sees more than a pixel"
    (first, *chain), *others = [chain for chain in chains if chain is not None]
    assert isinstance(first, Convolution)
    if first.padding == "zero":
        return other + "its picture is padded with zeros, which are no levels; build it with the padding edge"
    radius = first.weight.shape[2] // 2
    window = first.weight[:, 0]
    pixels = [(int(y) - radius, int(x) - radius) for y, x in np.argwhere((window != 0).any(axis=0))]
    if len(pixels) not in INTERVALS:
        return other + f"it sees {len(pixels)} pixels, a table is indexed by 1 to {max(INTERVALS)}"
    shuffle = ShiftAndSum(0, last.scale, maps, step, len(chains))
    for turn, turned in enumerate(others, start=1):
        if not _is_turned((first, *chain), turned, shuffle, turn):
            return other + f"its chain {turn + 1} is not the first one on the picture turned by {90 * turn}°"
    taps = np.stack([window[:, radius + y, radius + x] for y, x in pixels], axis=1)
    bias = Convolution(0, np.eye(len(taps), dtype=np.float32)[:, :, None, None], first.bias)
    return _FewPixels(pixels, first.padding, taps, [bias, *chain], shuffle, len(chains))


def _terms(ops: tuple[Operation, ...], value: int) -> list[int]:
    """The values whose sum a value is, in their order."""
    op = ops[value - 1] if value else None
    return [*_terms(ops, op.source), *_terms(ops, op.other)] if isinstance(op, Add) else [value]


def _chain(ops: tuple[Operation, ...], value: int) -> tuple[Operation, ...] | None:
    """The layers that lead from the picture to a value, if only the first reads more than a pixel."""
    chain: list[Operation] = []
    while value:
        op = ops[value - 1]
        if not isinstance(op, Convolution | Activation):
            return None
        if isinstance(op, Convolution) and (op.weight.dtype != np.float32 or (op.source and op.weight.shape[2] > 1)):
            return None
        chain.insert(0, op)
        value = op.source
    return tuple(chain) if chain and isinstance(chain[0], Convolution) else None


def _is_turned(chain: tuple[Operation, ...], other: tuple[Operation, ...], shuffle: ShiftAndSum, turn: int) -> bool:
    """Whether the other chain is this one on the picture turned so often, its values in the order of turned back."""
    if [type(op) for op in chain] != [type(op) for op in other]:
        return False
    for index, (op, turned) in enumerate(zip(chain, other, strict=True)):
        wanted: dict[str, Any] = op.values() | {"source": turned.operands()[0]}
        if index == 0:
            wanted["weight"] = _turned(wanted["weight"], shuffle, turn)
        if index == len(chain) - 1 and isinstance(op, Convolution):
            places = shuffle.places()[turn]
            if len(places) != len(op.weight):
                return False
            wanted["weight"], wanted["bias"] = op.weight[places], None if op.bias is None else op.bias[places]
        if not all(np.array_equal(value, turned.values()[name]) for name, value in wanted.items()):
            return False
    return True


def _turned(weight: NDArray[Any], shuffle: ShiftAndSum, turn: int) -> NDArray[Any]:
    """A kernel whose taps see in the picture itself what the given one sees in the picture turned so often."""
    radius, result = weight.shape[2] // 2, np.empty_like(weight)
    for y in range(-radius, radius + 1):
        for x in range(-radius, radius + 1):
            there = shuffle.rotate(y, x, turn)
            result[..., radius + there[0], radius + there[1]] = weight[..., radius + y, radius + x]
    return result
