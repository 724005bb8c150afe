"""Fronts, their area and their order, against the plain definitions."""

from __future__ import annotations

import numpy as np
import pytest

from thinlens.search.front import Point, front, hypervolume

POINTS: list[Point] = [tuple(pair) for pair in np.random.default_rng(0).uniform(size=(60, 2)).tolist()]


def beaten(point: Point, others: list[Point]) -> bool:
    return any(o != point and o[0] <= point[0] and o[1] >= point[1] for o in others)


def test_the_front_is_what_nobody_beats() -> None:
    found = [POINTS[index] for index in front(POINTS)]
    assert set(found) == {point for point in POINTS if not beaten(point, POINTS)}
    assert found == sorted(found)


def test_of_equals_one_is_enough() -> None:
    assert front([(1.0, 2.0), (1.0, 2.0), (1.0, 1.0)]) == [0]
    assert front([]) == []


def test_the_hypervolume_is_the_share_of_a_fine_grid() -> None:
    times, qualities = np.meshgrid(*[(np.arange(500) + 0.5) / 500] * 2)
    covered = np.zeros_like(times, bool)
    for time, quality in POINTS:
        covered |= (times >= time) & (qualities <= quality)
    assert hypervolume(POINTS, (1.0, 0.0)) == pytest.approx(covered.mean(), abs=2e-3)
    assert hypervolume([(2.0, 0.5), (0.5, -1.0)], (1.0, 0.0)) == 0
