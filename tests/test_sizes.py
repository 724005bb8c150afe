"""From a wish to models and a size."""

from __future__ import annotations

import math
from dataclasses import FrozenInstanceError
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thinlens.sizes import DEFAULT, LARGEST, Plan, TargetSize, plan

PRESET = (2, 3, 4)


@pytest.mark.parametrize(
    ("scale", "chain"),
    [
        (1, ()),
        (1.005, ()),
        (1.5, (2,)),
        (2, (2,)),
        (2.01, (2,)),
        (2.5, (3,)),
        (3, (3,)),
        (4, (4,)),
        (5, (3, 2)),
        (6, (3, 2)),
        (7, (4, 2)),
        (8, (4, 2)),
        (9, (3, 3)),
        (10, (4, 3)),
        (12, (4, 3)),
        (13.7, (4, 4)),
        (16, (4, 4)),
    ],
)
def test_models_are_chained(scale: float, chain: tuple[int, ...]) -> None:
    found = plan((300, 200), PRESET, TargetSize(scale=scale))
    assert found == Plan(chain, (round(300 * scale), round(200 * scale)))


def test_a_single_model_is_chained_with_itself() -> None:
    assert plan((30, 20), (2,), TargetSize(scale=7.5)) == Plan((2, 2, 2), (225, 150))
    assert plan((30, 20), (3,), TargetSize(scale=2)) == Plan((3,), (60, 40))


def test_without_a_wish_the_model_decides() -> None:
    assert plan((30, 20), PRESET, DEFAULT) == Plan((2,), (60, 40))
    assert plan((30, 20), (3,), DEFAULT) == Plan((3,), (90, 60))


def test_only_a_model_of_scale_1_does_anything_at_scale_1() -> None:
    assert plan((30, 20), (1,), TargetSize(scale=1)) == Plan((1,), (30, 20))
    assert plan((30, 20), PRESET, TargetSize(scale=1)) == Plan((), (30, 20))
    with pytest.raises(ValueError, match="^the model does not enlarge; choose another$"):
        plan((30, 20), (1,), TargetSize(scale=2))


@pytest.mark.parametrize(
    ("wish", "size"),
    [
        ({"size": (900, 900)}, (900, 900)),
        ({"width": 900, "height": 700}, (900, 700)),
        ({"width": 900}, (900, 600)),
        ({"height": 500}, (750, 500)),
        ({"fit": (1000, 500)}, (750, 500)),
        ({"fit": (1000, 5000)}, (1000, 667)),
        ({"long_side": 1201}, (1201, 801)),
        ({"long_side": 100}, (100, 67)),
        ({"width": 1}, (1, 1)),
    ],
)
def test_sizes(wish: dict[str, Any], size: tuple[int, int]) -> None:
    assert plan((300, 200), PRESET, TargetSize(**wish)).size == size


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        ({"scale": 0}, "the scale must be above 0 and at most 16, not 0"),
        ({"scale": 17}, "the scale must be above 0 and at most 16, not 17"),
        ({"scale": math.nan}, "the scale must be above 0 and at most 16, not nan"),
        ({"width": 0}, "a picture must be at least 1 pixel wide and high, not 0"),
        ({"size": (5, -1)}, "a picture must be at least 1 pixel wide and high, not -1"),
        ({"scale": 2, "width": 5}, "scale and width or height contradict each other; give one of them"),
        ({"fit": (5, 5), "size": (5, 5)}, "size and fit contradict each other; give one of them"),
        (
            {"size": (6000, 20)},
            "6000x20 is 20.0 times as large as the picture, which is 300x200; 16 times is the most",
        ),
    ],
)
def test_wishes_that_cannot_be(wish: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError) as caught:
        plan((300, 200), PRESET, TargetSize(**wish))
    assert str(caught.value) == message


def test_it_is_one_frozen_value() -> None:
    assert TargetSize(width=800) == TargetSize(width=800) != TargetSize(height=800)
    assert len({TargetSize(fit=(8, 6)), TargetSize(fit=(8, 6)), DEFAULT}) == 2
    with pytest.raises(FrozenInstanceError):
        DEFAULT.scale = 3  # type: ignore[misc]


@pytest.mark.parametrize(
    ("wish", "scales", "label"),
    [
        ({}, (2, 3, 4), "x2"),
        ({}, (3,), "x3"),
        ({"scale": 1.5}, (2, 3, 4), "x1.5"),
        ({"scale": 2}, (3,), "x2"),
        ({"size": (3000, 2000)}, (2,), "3000x2000"),
        ({"width": 800, "height": 600}, (2,), "w800-h600"),
        ({"height": 600}, (2,), "h600"),
        ({"fit": (1920, 1080)}, (2,), "fit1920x1080"),
        ({"long_side": 4000}, (2,), "long4000"),
    ],
)
def test_names_of_files_say_the_size(wish: dict[str, Any], scales: tuple[int, ...], label: str) -> None:
    assert TargetSize(**wish).label(scales) == label


@given(
    st.tuples(st.integers(1, 5000), st.integers(1, 5000)),
    st.sets(st.integers(2, 5), min_size=1),
    st.floats(1, LARGEST),
)
def test_models_always_reach_the_size(source: tuple[int, int], scales: set[int], scale: float) -> None:
    found = plan(source, scales, TargetSize(scale=scale))
    reached = math.prod(found.chain)
    assert reached * source[0] >= found.size[0] * 0.98
    assert reached * source[1] >= found.size[1] * 0.98
