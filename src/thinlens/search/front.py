"""Fronts of two objectives: time, the less the better, and quality, the more the better."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import TypeAlias

Point: TypeAlias = tuple[float, float]
"""Time and quality, on whatever axes."""


def front(points: Sequence[Point]) -> list[int]:
    """Indices of the points that no other is better than in one and as good in the other, by time; one of equals."""
    best, found = -inf, list[int]()
    for index in sorted(range(len(points)), key=lambda i: (points[i][0], -points[i][1])):
        if points[index][1] > best:
            best = points[index][1]
            found.append(index)
    return found


def hypervolume(points: Sequence[Point], reference: Point) -> float:
    """The area that the points dominate of what is better than a reference, a point of much time and little quality."""
    area, quality = 0.0, reference[1]
    for index in front(points):
        time, better = points[index]
        if time < reference[0] and better > quality:
            area += (reference[0] - time) * (better - quality)
            quality = better
    return area
