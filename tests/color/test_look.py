"""Looks: chosen by thumbnails, carried over to profiles, averaged."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

import corpus
from photo.test_profile import wide
from programs import float_program, picture
from tables import identity_table, network_program, random_table, statistics_program
from thinlens.color import Look, Lut3d, mean
from thinlens.color.grading import Grading
from thinlens.photo import Profile
from thinlens.program import reference


def smooth_table(size: int = 9) -> Any:
    """Brighter, warmer, with more contrast: as looks are."""
    table = identity_table(size) ** np.array([0.8, 0.9, 1.1], np.float32)
    return (table * np.float32(0.95) + np.float32(0.02)).astype(np.float32)


@pytest.mark.parametrize("make", [statistics_program, network_program])
@pytest.mark.parametrize("rows", [1, 7, 50])
def test_the_look_of_a_photo_in_bands(rows: int, make: Any) -> None:
    program, source = make(), picture(50, 70, True, np.uint8)
    alpha = np.dstack([source, np.full((50, 70), 9, np.uint8)])
    for samples in (source, alpha):
        bands = [samples[top : top + rows] for top in range(0, 50, rows)]
        look = Grading(program).look(bands, samples.shape)
        assert np.abs(look(source).astype(int) - reference.run(program, source)).max() <= 1
    assert len(look.weights) in (2, 3)


def test_strength() -> None:
    source = picture(20, 30, True, np.float32)
    looks = [Grading(statistics_program(), strength).look([source], source.shape) for strength in (0, 0.5, 1)]
    nothing, half, all_ = (look(source) for look in looks)
    np.testing.assert_allclose(nothing, source, atol=1e-5)
    np.testing.assert_allclose(half, (source + all_) / 2, atol=1e-5)
    for strength in (-0.1, 1.5, float("nan")):
        with pytest.raises(ValueError, match="the strength must be from 0 to 1"):
            Grading(statistics_program(), strength)
        with pytest.raises(ValueError, match="the strength must be from 0 to 1"):
            Look(Lut3d.identity(2), strength=strength)


def test_a_program_that_enlarges_chooses_no_look() -> None:
    with pytest.raises(ValueError, match="changes no colors, it enlarges: give it to thinlens upscale"):
        Grading(float_program("maximum", 2, 3, 2))


def test_the_mean_of_looks_is_that_of_their_weights() -> None:
    program = statistics_program()
    sources = [picture(9, 20, True, np.float32, seed=seed) * np.float32(0.3 + seed / 3) for seed in range(3)]
    looks = [Grading(program).look([source], source.shape) for source in sources]
    common = mean(looks)
    assert common.weights == pytest.approx(np.mean([look.weights for look in looks], axis=0))
    np.testing.assert_allclose(common(sources[0]), np.mean([look(sources[0]) for look in looks], axis=0), atol=1e-5)
    with pytest.raises(ValueError, match="there are no photos to choose a look for"):
        mean([])


def test_a_look_for_display_p3_does_what_it_does_in_srgb() -> None:
    look, profile = Look(Lut3d(smooth_table())), Profile(wide(), 3)
    carried = look.carried_over(profile)
    srgb = np.random.default_rng(0).uniform(0.1, 0.8, (1, 900, 3)).astype(np.float32)
    found = carried(profile.from_srgb(srgb[0])[None])
    np.testing.assert_allclose(found[0], profile.from_srgb(look(srgb)[0]), atol=0.006)


def test_what_srgb_cannot_hold_stays() -> None:
    """Without strength nothing changes, however vivid the color."""
    profile = Profile(wide(), 3)
    carried = Look(Lut3d(smooth_table()), strength=0).carried_over(profile)
    vivid = np.array([[[1, 0, 0], [0, 1, 0], [0, 0, 1], [0.9, 0.9, 0]]], np.float32)
    np.testing.assert_allclose(carried(vivid), vivid, atol=2e-3)
    moved = Look(Lut3d(smooth_table())).carried_over(profile)(vivid)
    assert (moved[0, 1, 0] < moved[0, 3, 0]).all()


def test_a_look_for_a_gray_profile() -> None:
    look, profile = Look(Lut3d(smooth_table())), Profile(corpus.gray_profile(), 1)
    gray = np.linspace(0, 1, 77, dtype=np.float32)[None]
    expected = profile.from_srgb(look(profile.to_srgb(gray[0][:, None])[None])[0])[:, 0]
    np.testing.assert_allclose(look.carried_over(profile)(gray)[0], expected, atol=0.01)


def test_srgb_needs_no_other_table() -> None:
    look = Look(Lut3d(random_table(5)))
    assert look.carried_over(None) is look and look.carried_over(Profile(b"junk", 3)) is look


def test_thumbnails_are_seen_in_srgb() -> None:
    source, profile = picture(40, 60, True, np.float32), Profile(wide(), 3)
    converted = profile.to_srgb(source.reshape(-1, 3)).reshape(source.shape)
    found = Grading(statistics_program()).look([source], source.shape, profile)
    expected = Grading(statistics_program()).look([converted], source.shape)
    assert found.weights == pytest.approx(expected.weights, abs=0.05)
    assert found.weights != pytest.approx(Grading(statistics_program()).look([source], source.shape).weights, abs=1e-3)


def test_gradings_travel_to_other_processes() -> None:
    """With tables that are packed and used already."""
    source = picture(9, 20, True, np.uint8)
    look = Grading(statistics_program()).look([source], source.shape)
    expected = look(source)
    for grading in (Grading(look), Grading(statistics_program())):
        again = pickle.loads(pickle.dumps(grading))
        np.testing.assert_array_equal(again.look([source], source.shape)(source), expected)
