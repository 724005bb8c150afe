"""Rendered training material."""

import sys

import numpy as np
import pytest

from thinlens.data.drawings import FONTS, OTHER_FONTS, drawings


def test_drawings_depend_on_the_seed_and_the_fonts_alone() -> None:
    first, again = (drawings(12, 48, seed=1) for _ in range(2))
    assert first.shape == (12, 48, 48, 3) and first.dtype == np.uint8
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(first[:5], drawings(5, 48, seed=1))
    assert (drawings(12, 48, seed=2) != first).any()
    assert (drawings(12, 48, seed=1, fonts=OTHER_FONTS) != first).any()
    assert not set(FONTS) & set(OTHER_FONTS)


def test_most_drawings_are_full_of_edges_and_none_is_alike() -> None:
    found = drawings(40, 96).astype(int)
    steps = np.abs(np.diff(found.mean(axis=3), axis=2)).max(axis=(1, 2))
    assert np.mean(steps > 60) > 0.8
    assert len({each.tobytes() for each in found}) == 40


def test_without_matplotlib_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"pip install 'thinlens\[drawings\]'"):
        drawings(1, 48)
    assert drawings(0, 48).shape == (0, 48, 48, 3)
