"""Color tables as functions on pictures: kernels that any table goes through, whatever its size."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..once import cached_property
from ..pipelines.color_table import packing
from ..pipelines.color_table.kind import LookUp
from ..pipelines.color_table.packing import step
from ..pipelines.processor import Processor
from ..program import Interpolation
from ..program.ops import LUMA_WEIGHTS
from . import loading, objects
from .arrays import check_picture, computed
from .host import check_here, processor_of

Color = tuple[float, float, float]
BLACK, WHITE = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)


class TableLookUp:
    """A color table on pictures.

    `table` is `(size, size, size, 3)` float32 by red, green and blue, whose first entry along each side stands for
    `lower` and the last for `upper`; colors beyond are clamped. It is packed for the kernels when it is first needed.
    """

    def __init__(
        self,
        table: NDArray[np.float32],
        interpolation: Interpolation = "trilinear",
        upper: Color = WHITE,
        lower: Color = BLACK,
        processor: Processor | None = None,
    ) -> None:
        self.table = table
        self.interpolation: Interpolation = interpolation
        self.upper, self.lower = upper, lower
        self.processor = processor or processor_of(None)

    def __call__(
        self, picture: NDArray[Any], out: NDArray[Any] | None = None, *, threads: int | None = None
    ) -> NDArray[Any]:
        """Look up each color of a picture.

        `picture`: `(H, W)` gray or `(H, W, 3)` RGB, uint8, uint16 or float32, any strides. Returns the same layout and
        dtype (in `out`, if given); a float32 result is not clipped. What is gray stays gray: the luma (BT.601) of what
        the table makes of red, green and blue alike. Errors are those of `Compiled`.
        """
        if check_picture(picture) == 1:
            return by_float(picture, lambda colors: self(colors, threads=threads), out)
        integer = picture.dtype == np.uint8 and self._uniform and packing.fits_fixed_point(self.table)
        kernel = _KERNELS[LookUp(picture.dtype, self.interpolation, integer), self.processor]
        size = len(self.table)
        if integer:
            tables: tuple[NDArray[Any], ...] = (self._fixed_point,)
            numbers: tuple[int, ...] = (size, step((size - 1) / self.upper[0]))
        else:
            tables, numbers = (self._float32, self._lines), (size,)

        def look_up(source: NDArray[Any], target: NDArray[Any], tasks: int) -> None:
            kernel(source, target, tasks, tables, numbers)

        return computed(picture, picture.shape, out, threads, look_up)

    @property
    def _uniform(self) -> bool:
        """Whether all axes are from 0 to the same number of at least 1."""
        return self.lower == BLACK and self.upper == (self.upper[0],) * 3 and self.upper[0] >= 1

    @cached_property
    def _fixed_point(self) -> NDArray[np.int16]:
        return packing.fixed_point(self.table).reshape(-1)

    @cached_property
    def _float32(self) -> NDArray[np.float32]:
        return packing.float32(self.table).reshape(-1)

    @cached_property
    def _lines(self) -> NDArray[np.float32]:
        """What colors are multiplied by to get their position, and what is added: `(2, 3)`."""
        lower, upper = (np.array(color, np.float64) for color in (self.lower, self.upper))
        factor = (len(self.table) - 1) / (upper - lower)
        return np.stack([factor, -lower * factor]).astype(np.float32)


def by_float(
    picture: NDArray[Any],
    colors: Callable[[NDArray[np.float32]], NDArray[np.float32]],
    out: NDArray[Any] | None = None,
    rows: int = 2**31,
) -> NDArray[Any]:
    """What a function of float32 RGB, `(H, W, 3)`, makes of a picture of any kind, so many rows of it at a time.

    What is gray stays gray, by the luma of the result; integers are so by what becomes of each level, which is quicker.
    """
    check_picture(picture)
    if picture.dtype == np.float32:
        peak = 1
    else:
        peak = int(np.iinfo(picture.dtype).max)
        if picture.ndim == 2:
            grays = np.linspace(0, 1, peak + 1, dtype=np.float32)[None]
            curve = _stored(_luma(colors(_rgb(grays)))[0], picture.dtype)
            return computed(
                picture, picture.shape, out, None, lambda source, target, _: np.copyto(target, curve[source])
            )

    def convert(source: NDArray[Any], target: NDArray[Any], _: int) -> None:
        for top in range(0, len(source), rows):
            part = source[top : top + rows].astype(np.float32) * np.float32(1 / peak)
            result = colors(part) if part.ndim == 3 else _luma(colors(_rgb(part)))
            target[top : top + rows] = _stored(result, target.dtype)

    return computed(picture, picture.shape, out, None, convert)


def _rgb(gray: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.repeat(gray[..., None], 3, axis=-1)


def _stored(values: NDArray[np.float32], dtype: np.dtype[Any]) -> NDArray[Any]:
    if dtype == np.float32:
        return values
    peak = np.float32(np.iinfo(dtype).max)
    return np.clip(np.floor(values * peak + np.float32(0.5)), 0, peak).astype(dtype)


def _luma(colors: NDArray[np.float32]) -> NDArray[np.float32]:
    return colors @ np.array(LUMA_WEIGHTS, np.float32)


def _load(key: tuple[LookUp, Processor]) -> loading.Kernel:
    kind, processor = key
    check_here(processor)
    made = objects.look_up(kind, processor)
    tables, numbers = (1, 2) if kind.integer else (2, 1)
    return loading.Kernel(made, objects.runtime(processor.system), tables, numbers)


_KERNELS = loading.Kernels(_load)
