"""JPEG as a degradation."""

import numpy as np
import pytest

from thinlens.data.compression import Compression, FilmCompression, compress
from thinlens.data.pairs import make_pairs


def pictures(count: int = 6, size: int = 40) -> np.ndarray:
    random = np.random.default_rng(0)
    coarse = random.integers(0, 256, (count, size // 4, size // 4, 3), np.uint8)
    return coarse.repeat(4, axis=1).repeat(4, axis=2)


def errors(low: np.ndarray, compression: Compression) -> np.ndarray:
    return np.abs(compress(low, compression).astype(int) - low).mean(axis=(1, 2, 3))


def test_it_depends_on_nothing_but_the_seed() -> None:
    low = pictures()
    first, again, other = (compress(low, Compression(), seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    assert first.shape == low.shape and first.dtype == np.uint8


def test_lower_qualities_do_more_and_clean_ones_nothing() -> None:
    low = pictures()
    high, medium = (Compression(qualities, subsampled=0, clean=0, twice=0) for qualities in ((90, 94), (40, 50)))
    assert (errors(low, high) > 0).all()
    assert errors(low, medium).mean() > 2 * errors(low, high).mean()
    np.testing.assert_array_equal(compress(low, Compression(clean=1)), low)


def test_subsampled_chroma_reaches_luma() -> None:
    low = pictures()
    full, halved = (Compression((95, 95), part, twice=0, clean=0) for part in (0, 1))
    assert errors(low, halved).mean() > 2 * errors(low, full).mean()


def test_compressed_twice_is_worse() -> None:
    low = pictures()
    once, twice = (Compression((50, 50), subsampled=0, twice=part, clean=0) for part in (0, 1))
    assert errors(low, twice).mean() > errors(low, once).mean()


def test_corners_lie_anywhere_in_the_grid() -> None:
    ramp = np.arange(40)[:, None] * 5 + np.zeros((40, 40), int)
    low = np.repeat(ramp.T.astype(np.uint8)[None, ..., None], 60, axis=0).repeat(3, axis=3)
    found = compress(low, Compression((5, 5), subsampled=0, twice=0, clean=0)).astype(int)
    assert np.abs(found - low).mean() < 10  # the same place of the picture
    blocks = np.abs(np.diff(found[..., 1].mean(axis=1), axis=1))[:, 8:24].argmax(axis=1) % 8
    assert len(set(blocks.tolist())) == 8


def test_each_draw_is_a_pair_of_its_own() -> None:
    crops = pictures(3, 48)
    clean = make_pairs(crops, 2)
    pairs = make_pairs(crops, 2, Compression((50, 60), clean=0, draws=2))
    assert pairs.low_resolution.shape == (6, 20, 20) and pairs.high_resolution.shape == (6, 40, 40)
    np.testing.assert_array_equal(pairs.high_resolution[3:], clean.high_resolution)
    assert (pairs.low_resolution[:3] != pairs.low_resolution[3:]).any()
    np.testing.assert_allclose(pairs.low_resolution[:3], clean.low_resolution, atol=0.5)


def test_bad_settings_are_named() -> None:
    with pytest.raises(ValueError, match="qualities are from 1 to 100, the lower first, got 80 and 60"):
        Compression((80, 60))
    with pytest.raises(ValueError, match="fractions of the pictures"):
        Compression(clean=2)
    with pytest.raises(ValueError, match="draws must be at least 1"):
        Compression(draws=0)


def test_films_do_more_at_lower_quality() -> None:
    pytest.importorskip("av")
    low = pictures()
    fine, coarse = (FilmCompression((crf, crf), clean=0) for crf in (18, 32))
    means = [np.abs(compress(low, each).astype(int) - low).mean() for each in (fine, coarse)]
    assert 0 < 1.5 * means[0] < means[1]
    np.testing.assert_array_equal(compress(low, FilmCompression(clean=1)), low)
    assert (compress(low, FilmCompression(), 1) != compress(low, FilmCompression(), 2)).any()
    with pytest.raises(ValueError, match="crf is from 0 to 51"):
        FilmCompression((30, 20))
