"""Frames enlarged: luma through models, chroma and transparency by bicubic interpolation."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from .. import models, program, run
from ..models import CLEAN
from ..run import Model
from ..sizes import Plan, Size
from ..sources import Choice
from ..video import Making
from ..video.frames import Layout, Plane
from ..video.siting import resampled, shift_of

if TYPE_CHECKING:
    from ..kernels import Compiled


@dataclass(frozen=True)
class Enlarger:
    """Enlarges frames in planes: luma through programs, chroma and transparency by bicubic interpolation.

    Samples go in and out as stored, whatever their range and matrix.
    """

    programs: tuple[program.Program, ...]
    enlarged: int
    layout: Layout
    location: str | None
    size: Size

    def __call__(self, source: list[Plane], target: list[Plane]) -> None:
        """Fill the planes of a frame of `size` with those of the source, enlarged."""
        for kind, plane, result in zip(self.layout.kinds, source, target, strict=True):
            if kind == "luma":
                self._luma(plane, result)
            else:
                self._bicubic(kind, plane, result)

    @cached_property
    def _compiled(self) -> list[Compiled]:
        return [run.compile(each) for each in self.programs]

    @cached_property
    def _interpolation(self) -> dict[str, Compiled]:
        """By a whole number, for chroma and for transparency."""
        found: dict[str, Compiled] = {}
        for kind in ("chroma", "alpha"):
            x, y = (-each * (1 - 1 / self.enlarged) for each in self._offset(kind))
            found[kind] = run.compile(program.shifted_bicubic(self.enlarged, (x, y)))
        return found

    def _offset(self, kind: str) -> tuple[float, float]:
        if kind != "chroma":
            return 0.0, 0.0
        return shift_of(self.location, self.layout.across, self.layout.down)

    def _luma(self, plane: Plane, result: Plane) -> None:
        for number, each in enumerate(self._compiled, start=1):
            fits = number == len(self.programs) and _times(plane, each.program.scale) == result.shape
            plane = each(plane, result if fits else None, bits=bits_in(self.layout))
            if fits:
                return
        _fill(plane, result, bits_in(self.layout))

    def _bicubic(self, kind: str, plane: Plane, result: Plane) -> None:
        if _is_whole(self.enlarged, self.size, plane, result):
            if self.enlarged == 1:
                result[...] = plane[: result.shape[0], : result.shape[1]]
                return
            enlarge = self._interpolation[kind]
            if _times(plane, self.enlarged) == result.shape:
                enlarge(plane, result, bits=bits_in(self.layout))
            else:
                result[...] = enlarge(plane, bits=bits_in(self.layout))[: result.shape[0], : result.shape[1]]
            return
        result[...] = resampled(plane, result.shape, self._offset(kind), 2**self.layout.bits - 1)


def bits_in(layout: Layout) -> int | None:
    """How many bits of uint16 samples are in use, as `kernels.Compiled` takes it; None of uint8."""
    return layout.bits if layout.bits > 8 else None


def enlarger(making: Making, plan: Plan, choice: Choice, model: Model) -> Enlarger:
    """What is done to each frame."""
    film, programs = making.film, tuple(programs_of(model, plan, choice.source))
    return Enlarger(programs, plan.enlarged, film.layout, film.tags.location, making.size)


def programs_of(model: Model, plan: Plan, source: str) -> list[program.Program]:
    """The programs to go through; what the first has made is clean."""
    loose = isinstance(model, program.Program) or str(model) not in models.NAMED
    return [run.load(model, scale, CLEAN if index or loose else source) for index, scale in enumerate(plan.chain)]


def _times(plane: Plane, scale: int) -> tuple[int, int]:
    return plane.shape[0] * scale, plane.shape[1] * scale


def _is_whole(enlarged: int, size: Size, plane: Plane, result: Plane) -> bool:
    """Whether the result is the plane enlarged by a whole number, but for rows and columns at its end."""
    rows, columns = _times(plane, enlarged)
    return 0 <= rows - result.shape[0] < 2 * enlarged and 0 <= columns - result.shape[1] < 2 * enlarged


def _fill(plane: Plane, result: Plane, bits: int | None) -> None:
    """What the models made, as large as it is wanted: less a row or column that the format cannot have, or resized."""
    rows, columns = result.shape
    if 0 <= plane.shape[0] - rows < 4 and 0 <= plane.shape[1] - columns < 4:
        result[...] = plane[:rows, :columns]
        return
    from ..photo import resize

    resized = resize(plane, (columns, rows))
    result[...] = resized if bits is None else np.minimum(resized, 2**bits - 1)
