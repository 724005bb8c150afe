"""Damage that makes inputs of good photos: what each part does, and which photos are good."""

from dataclasses import replace

import numpy as np
import pytest

from thinlens.data.damage import Damage, is_good, is_odd

LUMA = np.array([0.299, 0.587, 0.114])
PLAIN = Damage(
    untouched=0, mild=0, pulled=0, saturation=(1, 0), contrast=(0, 0), black=(0, 0), exposure=(0.43, 0),
    exposure_slope=1, dark=0, casts=0, weak_cast=0,
)  # fmt: skip
"""Nothing is changed but what a test changes."""


def colors(seed: int = 0, count: int = 4000) -> np.ndarray:
    """Of a photo that is neither flat nor clipped."""
    random = np.random.default_rng(seed)
    luma = random.uniform(30, 200, (count, 1))
    return np.clip(luma + random.normal(0, 12, (count, 3)), 0, 245).astype(np.uint8)


def damaged(damage: Damage, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    photo = colors(seed)
    return photo, *damage.apply(photo, np.random.default_rng(seed))


def test_no_damage_changes_nothing() -> None:
    photo, before, after = damaged(PLAIN)
    np.testing.assert_allclose(before.astype(int), photo, atol=1)
    np.testing.assert_array_equal(after, photo)
    for result in damaged(Damage(untouched=1.0))[1:]:
        np.testing.assert_array_equal(result, photo)


def test_damage_is_a_function_of_the_seed() -> None:
    first, second, third = (damaged(Damage(untouched=0), seed)[1] for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, second)
    assert (first != third).any()


def test_saturation_black_exposure_and_casts() -> None:
    photo, gray, _ = damaged(replace(PLAIN, saturation=(0.5, 0)))
    spread = photo.max(1).astype(float) - photo.min(1)
    np.testing.assert_allclose(gray.max(1).astype(float) - gray.min(1), 0.5 * spread, atol=3)
    assert damaged(replace(PLAIN, black=(0.2, 0)))[1].min() >= 0.2 * 255 - 1
    dark = damaged(replace(PLAIN, exposure=(0.25, 0), exposure_slope=0))[1]
    assert (dark @ LUMA).mean() / 255 == pytest.approx(0.25, abs=0.003)
    dark = damaged(replace(PLAIN, dark=1.0, dark_exposure=(0.2, 0), exposure_slope=0))[1]
    assert (dark @ LUMA).mean() / 255 == pytest.approx(0.2, abs=0.003)
    warm = [damaged(replace(PLAIN, casts=1.0, cast=0.3), seed) for seed in range(6)]
    ratios = [(before[:, 0].mean() / before[:, 2].mean()) / (p[:, 0].mean() / p[:, 2].mean()) for p, before, _ in warm]
    assert min(ratios) < 0.9 and max(ratios) > 1.1


def test_targets_have_their_black_pulled_and_their_white_kept() -> None:
    photo, before, after = damaged(replace(PLAIN, pulled=1.0))
    np.testing.assert_allclose(before.astype(int), photo, atol=1)
    assert np.quantile(photo @ LUMA, 0.01) > 10
    assert np.quantile(after @ LUMA, 0.01) == pytest.approx(0, abs=5)
    half = damaged(replace(PLAIN, pulled=1.0, pull=0.5))[2]
    assert np.quantile(half @ LUMA, 0.01) == pytest.approx(np.quantile(photo @ LUMA, 0.01) / 2, abs=4)
    assert (after <= photo).all() and int(photo.max()) - int(after.max()) <= 5


def test_mild_damage_lies_between() -> None:
    photo, before, after = damaged(replace(PLAIN, mild=1.0, pulled=1.0, saturation=(0.5, 0)))
    _, whole, target = damaged(replace(PLAIN, pulled=1.0, saturation=(0.5, 0)))
    part = (photo.astype(float) - before).std() / (photo.astype(float) - whole).std()
    assert 0.29 < part < 1
    np.testing.assert_allclose(after, photo + part * (target.astype(float) - photo), atol=1.6)


def test_fractions_are_fractions() -> None:
    with pytest.raises(ValueError, match="untouched, mild, pulled, pull, casts and dark are fractions, 0…1"):
        Damage(casts=1.5)


def test_which_photos_are_good() -> None:
    photo = colors()
    assert is_good(photo) and not is_odd(photo)
    clipped, hazy, gray, chart = photo.copy(), 60 + photo // 2, photo.copy(), photo.copy()
    clipped[:40] = 255
    gray[:] = gray[:, :1]
    chart[:2000] = (200, 210, 220)
    for bad in (clipped, hazy, gray, chart, photo // 8, 200 + photo // 8):
        assert not is_good(bad)
    assert [is_odd(bad) for bad in (clipped, gray, chart, gray // 8)] == [False, True, True, False]
