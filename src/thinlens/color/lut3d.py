"""3D look-up tables of colors: read, applied, mixed, written."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from . import cube
from .cube import BLACK, WHITE, Color, Cube

if TYPE_CHECKING:
    from ..kernels import TableLookUp
    from ..program import Interpolation

ROWS = 128
"""Rows of a picture that go through curves together, as float32."""


@dataclass(frozen=True, eq=False)
class Curves:
    """A curve for each channel: `(n, 3)` float32, the first entries for `lower`, the last for `upper`; clamped."""

    values: NDArray[np.float32]
    lower: Color = BLACK
    upper: Color = WHITE

    def __call__(self, colors: NDArray[np.float32]) -> NDArray[np.float32]:
        """`(…, 3)` float32 to the same, linear between entries."""
        result = np.empty(colors.shape, np.float32)
        for channel in range(3):
            places = np.linspace(self.lower[channel], self.upper[channel], len(self.values))
            result[..., channel] = np.interp(colors[..., channel], places, self.values[:, channel])
        return result


@dataclass(frozen=True, eq=False)
class Lut3d:
    """A color table: what becomes of each color, encoded as for display.

    `table` is `(size, size, size, 3)` float32 by red, green and blue, 2 to 256 entries a side; the first along each
    side is for `lower`, the last for `upper`, and colors beyond are clamped to these. Entries may leave [0, 1]. Where
    there is a `shaper`, colors go through its curves first. Raises ValueError if the arrays are no such table.
    """

    table: NDArray[np.float32]
    lower: Color = BLACK
    upper: Color = WHITE
    shaper: Curves | None = None
    title: str = ""

    def __post_init__(self) -> None:
        shape = self.table.shape
        if len(shape) != 4 or shape != (len(self.table),) * 3 + (3,) or len(self.table) not in cube.SIZES_3D:
            raise ValueError(f"a table must be (size, size, size, 3) with a size of 2…256, got {shape}")
        if self.table.dtype != np.float32 or not np.isfinite(self.table).all():
            raise ValueError("a table must be float32 and finite: use astype and np.nan_to_num")
        if any(low >= high for low, high in zip(self.lower, self.upper, strict=True)):
            raise ValueError(f"lower must be below upper for each channel, got {self.lower} and {self.upper}")

    def __getstate__(self) -> dict[str, Any]:
        """What travels to other processes: not what is packed for kernels."""
        return {item.name: getattr(self, item.name) for item in fields(self)}

    @staticmethod
    def identity(size: int = 33, lower: Color = BLACK, upper: Color = WHITE) -> Lut3d:
        """The table that leaves colors as they are."""
        steps = [np.linspace(low, high, size, dtype=np.float32) for low, high in zip(lower, upper, strict=True)]
        return Lut3d(np.stack(np.meshgrid(*steps, indexing="ij"), axis=-1), lower, upper)

    @staticmethod
    def read(path: str | os.PathLike[str]) -> Lut3d:
        """The table of a .cube file: 3D, 1D, or both. Raises OSError or ValueError, with the line, as `cube.read`."""
        found = cube.read(path)
        curves = None if found.curves is None else Curves(found.curves, *found.curves_ends)
        if found.table is not None:
            return Lut3d(found.table, *found.table_ends, curves, found.title)
        assert curves is not None
        lowest, highest = float(curves.values.min()), float(curves.values.max())
        lower, upper = min(lowest, 0.0), max(highest, 1.0)
        alone = Lut3d.identity(2, (lower, lower, lower), (upper, upper, upper))  # curves and nothing behind them
        return replace(alone, shaper=curves, title=found.title)

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write a .cube file, with the shaper before the table where there is one; whole or not at all."""
        shaper = self.shaper
        curves, ends = (None, (BLACK, WHITE)) if shaper is None else (shaper.values, (shaper.lower, shaper.upper))
        cube.write(Cube(self.title, curves, self.table, ends, (self.lower, self.upper)), path)

    @staticmethod
    def mix(luts: Sequence[Lut3d], weights: Sequence[float]) -> Lut3d:
        """The sum of tables, each times its weight.

        Raises ValueError unless all of them have one size, the same ends and no shaper.
        """
        if not luts or len(luts) != len(weights):
            raise ValueError(f"{len(luts)} tables need as many weights, got {len(weights)}")
        first = luts[0]
        for lut in luts:
            if lut.shaper is not None or lut.table.shape != first.table.shape or lut._ends != first._ends:
                raise ValueError("tables to mix must have one size, the same ends and no shaper")
        total = sum(np.float32(weight) * lut.table for lut, weight in zip(luts, weights, strict=True))
        return replace(first, table=np.asarray(total, np.float32))

    def at_strength(self, strength: float) -> Lut3d:
        """The table that leaves colors as they are (0), does all that this one does (1), or something between."""
        return self if strength == 1 else Lut3d.mix([self._plain, self], [1 - strength, strength])

    def apply(
        self,
        picture: NDArray[Any],
        interpolation: Interpolation = "tetrahedral",
        *,
        strength: float = 1.0,
        out: NDArray[Any] | None = None,
        threads: int | None = None,
    ) -> NDArray[Any]:
        """Each color of a picture by the table, or, below a strength of 1, so far on the way there.

        `picture`: `(H, W)` gray or `(H, W, 3)` RGB, uint8, uint16 or float32, any strides. Returns the same layout and
        dtype (in `out`, if given); a float32 result is not clipped. Gray stays gray: the luma (BT.601) of what red,
        green and blue alike become. Raises TypeError or ValueError for any other picture.
        """
        shaper = self.shaper
        if shaper is None:
            return self._look_up(interpolation, strength)(picture, out, threads=threads)
        from ..kernels import by_float

        def colors(part: NDArray[np.float32]) -> NDArray[np.float32]:
            there = self._look_up(interpolation, 1.0)(shaper(part), threads=threads)
            return there if strength == 1 else part + np.float32(strength) * (there - part)

        return by_float(picture, colors, out, ROWS)

    @cached_property
    def _look_ups(self) -> dict[tuple[Interpolation, float], TableLookUp]:
        return {}

    def _look_up(self, interpolation: Interpolation, strength: float) -> TableLookUp:
        """The table for kernels, packed once."""
        from ..kernels import TableLookUp

        found = self._look_ups.get((interpolation, strength))
        if found is None:
            found = TableLookUp(self.at_strength(strength).table, interpolation, self.upper, self.lower)
            self._look_ups[interpolation, strength] = found
        return found

    @property
    def _ends(self) -> tuple[Color, Color]:
        return self.lower, self.upper

    @property
    def _plain(self) -> Lut3d:
        return Lut3d.identity(len(self.table), self.lower, self.upper)
