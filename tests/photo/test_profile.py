"""Colors by ICC profiles: to sRGB and back."""

from __future__ import annotations

import numpy as np
import pytest
import pyvips

import corpus
from thinlens.photo import Profile


def wide() -> bytes:
    """Display P3, as of phones."""
    image = pyvips.Image.black(1, 1, bands=3).copy(interpretation="srgb")
    return bytes(image.icc_transform("p3", input_profile="srgb").get("icc-profile-data"))


def test_there_and_back() -> None:
    profile = Profile(wide(), 3)
    assert profile.usable and not profile.is_srgb
    srgb = np.random.default_rng(0).random((500, 3), np.float32)
    there = profile.from_srgb(srgb)
    np.testing.assert_allclose(profile.to_srgb(there), srgb, atol=5e-3)
    assert np.abs(there - srgb).max() > 0.05
    gray = np.repeat(np.linspace(0, 1, 9, dtype=np.float32)[:, None], 3, axis=1)
    np.testing.assert_allclose(profile.to_srgb(gray), gray, atol=1e-3)  # of the same transfer


def test_pure_red_of_srgb_by_hand() -> None:
    """Published coordinates of sRGB's red in Display P3: (0.917, 0.200, 0.139)."""
    red = Profile(wide(), 3).from_srgb(np.array([[1, 0, 0]], np.float32))
    np.testing.assert_allclose(red, [[0.9175, 0.2003, 0.1386]], atol=6e-3)


def test_gray() -> None:
    profile = Profile(corpus.gray_profile(), 1)
    assert profile.usable
    gray = np.linspace(0, 1, 50, dtype=np.float32)[:, None]
    srgb = profile.to_srgb(gray)
    assert srgb.shape == (50, 3) and np.ptp(srgb, axis=1).max() < 1e-3
    np.testing.assert_allclose(profile.from_srgb(srgb), gray, atol=6e-3)


@pytest.mark.parametrize(("data", "channels"), [(b"junk", 3), (b"", 1)])
def test_what_cannot_be_used_passes_for_srgb(data: bytes, channels: int) -> None:
    assert Profile(data, channels).is_srgb


def test_profiles_of_other_kinds_of_pictures_are_not_used() -> None:
    assert not Profile(wide(), 1).usable and not Profile(corpus.gray_profile(), 3).usable


def test_srgb_under_another_name() -> None:
    assert Profile(corpus.profile(), 3).usable
    image = pyvips.Image.black(1, 1, bands=3).copy(interpretation="srgb")
    srgb = bytes(image.icc_transform("srgb", input_profile="p3").get("icc-profile-data"))
    assert Profile(srgb, 3).is_srgb
