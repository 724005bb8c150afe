"""Color tables in Python: mixed, at a strength, applied."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import thinlens
from programs import picture
from tables import identity_table, random_table
from thinlens.color import Curves, Lut3d

DTYPES = (np.uint8, np.uint16, np.float32)


def test_it_is_public() -> None:
    assert thinlens.Lut3d is Lut3d


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("color", [False, True])
def test_the_identity_changes_nothing(color: bool, dtype: Any) -> None:
    source = picture(9, 40, color, dtype)
    tolerance = 2e-6 if dtype == np.float32 else 0
    np.testing.assert_allclose(Lut3d.identity(5).apply(source), source, atol=tolerance)
    wide = Lut3d.identity(4, (-1, -0.5, 0), (1, 2, 3))
    np.testing.assert_allclose(wide.apply(source), source, atol=2 * tolerance)
    shaped = Lut3d(identity_table(2), shaper=Curves(np.repeat(np.linspace(0, 1, 4, dtype=np.float32)[:, None], 3, 1)))
    np.testing.assert_allclose(shaped.apply(source), source, atol=tolerance)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("color", [False, True])
def test_a_shaper_is_curves_before_the_table(color: bool, dtype: Any) -> None:
    values = np.random.default_rng(0).random((5, 3), np.float32)
    lut = Lut3d(random_table(4), shaper=Curves(values))
    source = picture(300, 7, color, dtype)
    peak = 1 if dtype == np.float32 else np.iinfo(dtype).max
    rgb = source if color else np.repeat(source[..., None], 3, axis=2)
    curved = np.stack(
        [np.interp(rgb[..., c] / peak, np.linspace(0, 1, 5), values[:, c]).astype(np.float32) for c in range(3)], -1
    )
    expected = Lut3d(lut.table).apply(curved)
    expected = expected if color else expected @ np.array([0.299, 0.587, 0.114], np.float32)
    expected = expected if dtype == np.float32 else np.clip(np.floor(expected * peak + 0.5), 0, peak)
    found = lut.apply(source)
    assert found.dtype == dtype and found.shape == source.shape
    np.testing.assert_allclose(found.astype(np.float64), expected, atol=1e-5 if dtype == np.float32 else 1)


def test_mixing_tables_mixes_what_they_make() -> None:
    first, second = Lut3d(random_table(5, seed=1)), Lut3d(random_table(5, seed=2))
    source = picture(9, 40, True, np.float32)
    mixed = Lut3d.mix([first, second], [0.25, 2]).apply(source)
    np.testing.assert_allclose(mixed, 0.25 * first.apply(source) + 2 * second.apply(source), atol=1e-5)
    for strength in (0, 0.3, 1):
        expected = (1 - strength) * source + strength * first.apply(source)
        np.testing.assert_allclose(first.at_strength(strength).apply(source), expected, atol=1e-5)


def test_what_is_no_table_is_refused() -> None:
    for table, message in (
        (np.zeros((2, 2, 3, 3), np.float32), "a table must be \\(size, size, size, 3\\)"),
        (np.zeros((1, 1, 1, 3), np.float32), "with a size of 2…256"),
        (np.zeros((2, 2, 2, 3)), "must be float32 and finite"),
        (np.full((2, 2, 2, 3), np.nan, np.float32), "must be float32 and finite"),
    ):
        with pytest.raises(ValueError, match=message):
            Lut3d(table)
    with pytest.raises(ValueError, match="lower must be below upper"):
        Lut3d(identity_table(2), (0, 1, 0))
    shaped = Lut3d(identity_table(2), shaper=Curves(np.eye(3, dtype=np.float32)))
    for others in ([shaped], [Lut3d.identity(3)], [Lut3d.identity(2, (0, 0, 0), (1, 1, 2))]):
        with pytest.raises(ValueError, match="must have one size, the same ends and no shaper"):
            Lut3d.mix([Lut3d.identity(2), *others], [1] * (1 + len(others)))
    with pytest.raises(ValueError, match="1 tables need as many weights, got 2"):
        Lut3d.mix([Lut3d.identity(2)], [1, 2])
    with pytest.raises(TypeError, match="a picture must be uint8, uint16 or float32"):
        shaped.apply(np.zeros((2, 2, 3)))
