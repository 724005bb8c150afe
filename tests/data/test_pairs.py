"""Patch files and training pairs."""

import numpy as np
import pytest

from thinlens import photo
from thinlens.data.degrade import downscale
from thinlens.data.pairs import Sampling, make_pairs, photo_files, prepare, read_patches, stretch

SAMPLING = Sampling(per_photo=2, size=48, reductions=(1, 2), holdout=3)


@pytest.fixture
def folder(tmp_path):
    random = np.random.default_rng(0)
    for index in range(4):
        pixels = random.integers(0, 256, (120, 150, 3), np.uint8)
        photo.write(photo.Photo(pixels), tmp_path / f"{index}.png")
    return tmp_path


def test_patches_are_made_once_and_are_the_same_again(folder, tmp_path) -> None:
    seen = []
    patches = prepare(
        folder, SAMPLING, cache=tmp_path / "cache", progress=lambda done, total: seen.append((done, total))
    )
    assert patches.train.shape == (12, 48, 48, 3)  # three photos, two reductions, two crops
    assert patches.validation.shape == (4, 48, 48, 3)
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]
    again = prepare(folder, SAMPLING, cache=tmp_path / "cache", progress=lambda *_: pytest.fail("made again"))
    other = prepare(folder, SAMPLING, cache=tmp_path / "elsewhere")
    for patch_set in (again, other):
        np.testing.assert_array_equal(patch_set.train, patches.train)
        np.testing.assert_array_equal(patch_set.validation, patches.validation)


def test_small_photos_serve_as_they_are(folder, tmp_path) -> None:
    patches = prepare(folder, Sampling(per_photo=2, size=48, reductions=(3, 4), holdout=3), cache=tmp_path / "cache")
    assert patches.train.shape == (6, 48, 48, 3)


def test_another_sampling_is_another_file(folder, tmp_path) -> None:
    prepare(folder, SAMPLING, cache=tmp_path / "cache")
    prepare(folder, Sampling(per_photo=1, size=48), cache=tmp_path / "cache")
    assert len(list((tmp_path / "cache").iterdir())) == 2


def test_the_gradient_draws_the_crops(tmp_path) -> None:
    pixels = np.full((480, 480, 3), 128, np.uint8)
    pixels[:, 240:] = np.random.default_rng(1).integers(0, 256, (480, 240, 3), np.uint8)
    for index in range(2):
        photo.write(photo.Photo(pixels), tmp_path / f"{index}.png")
    patches = prepare(tmp_path, Sampling(per_photo=12, size=48), cache=tmp_path / "cache")
    flat = sum(bool((crop == 128).all()) for crop in patches.train)
    assert flat <= 2


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_pairs_are_the_degraded_luma_without_the_margin(scale: int) -> None:
    crops = np.random.default_rng(2).integers(0, 256, (2, 48, 48, 3), np.uint8)
    pairs = make_pairs(crops, scale)
    assert pairs.low_resolution.shape == (2, 48 // scale - 4, 48 // scale - 4)
    assert pairs.high_resolution.shape == (2, 48 - 4 * scale, 48 - 4 * scale)
    low = downscale(crops[1], scale) @ np.array([0.299, 0.587, 0.114]) / 255
    np.testing.assert_allclose(pairs.low_resolution[1], low[2:-2, 2:-2], atol=1e-6)
    high = crops[1] @ np.array([0.299, 0.587, 0.114]) / 255
    np.testing.assert_allclose(
        pairs.high_resolution[1], high[2 * scale : -2 * scale, 2 * scale : -2 * scale], atol=1e-6
    )


def test_stretched_crops_have_harder_edges() -> None:
    crops = np.random.default_rng(0).integers(90, 170, (20, 48, 48, 3), np.uint8)
    np.testing.assert_array_equal(stretch(crops, 0.0), crops)
    every, some = stretch(crops, 1.0, seed=3), stretch(crops, 0.3, seed=3)
    assert every.dtype == np.uint8 and (np.ptp(every, axis=(1, 2, 3)) > np.ptp(crops, axis=(1, 2, 3))).all()
    changed = (some != crops).any(axis=(1, 2, 3))
    assert 1 <= changed.sum() <= 12
    np.testing.assert_array_equal(some, stretch(crops, 0.3, seed=3))


def test_bad_input_is_named(folder, tmp_path) -> None:
    with pytest.raises(ValueError, match="nowhere is not a folder of photos"):
        photo_files(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"holds 0 photos .* training needs at least 2"):
        photo_files(tmp_path / "empty")
    with pytest.raises(ValueError, match="too few photos of at least 144×144 pixels"):
        prepare(folder, Sampling(holdout=2), cache=tmp_path / "cache")
    with pytest.raises(ValueError, match="multiple of 12"):
        Sampling(size=100)


def test_a_damaged_patch_file_is_named(folder, tmp_path) -> None:
    prepare(folder, SAMPLING, cache=tmp_path / "cache")
    (path,) = (tmp_path / "cache").iterdir()
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ValueError, match="is damaged .* delete it and train again"):
        read_patches(path)
