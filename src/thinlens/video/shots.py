"""Shots of a film, found by what changes from frame to frame: a cut is where the colors of a picture are other ones.

Each frame is looked at on a grid of points, plane by plane: which share of them lies in each of 16 (luma) or 32
(chroma) equal parts of the range. Two frames differ by the share of points that would have to move, the mean of all
planes, from 0 to 1. In the first half minute of Big Buck Bunny its three cuts come to 0.32 to 0.49, motion to 0.15, a
fade from black to 0.24.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .frames import Layout, Plane, planes

CUT = 0.25
"""The difference of two frames from which on they belong to different shots."""
SHORTEST = 0.4
"""Seconds that a shot lasts at least: a flash is none."""
POINTS = (36, 64)
PARTS = {"luma": 16, "chroma": 32}


def signature(found: list[Plane], layout: Layout) -> list[NDArray[np.float64]]:
    """Of each plane but alpha, which share of a grid of its points lies in each part of the range."""
    shares: list[NDArray[np.float64]] = []
    for kind, plane in zip(layout.kinds, found, strict=True):
        if kind in PARTS:
            rows, columns = (np.arange(n) * size // n for n, size in zip(POINTS, plane.shape, strict=True))
            levels = plane[rows[:, None], columns].ravel().astype(np.intp)
            parts = np.minimum(levels * PARTS[kind] >> layout.bits, PARTS[kind] - 1)
            shares.append(np.bincount(parts, minlength=PARTS[kind]) / parts.size)
    return shares


def difference(one: list[NDArray[np.float64]], other: list[NDArray[np.float64]]) -> float:
    """How much two frames differ by their signatures, from 0 to 1."""
    return float(np.mean([np.abs(a - b).sum() / 2 for a, b in zip(one, other, strict=True)]))


def with_cuts(
    shown: Iterable[tuple[int, Any]], layout: Layout, shortest: int
) -> Iterator[tuple[int, list[Plane], bool]]:
    """The times and planes of frames in their planar format, and whether a shot begins there.

    A shot lasts at least `shortest` ticks.
    """
    before: list[NDArray[np.float64]] | None = None
    begun = 0
    for ticks, frame in shown:
        found = planes(frame, layout)
        now = signature(found, layout)
        begins = before is None or (ticks - begun >= shortest and difference(before, now) > CUT)
        if begins:
            begun = ticks
        before = now
        yield ticks, found, begins
