"""Pictures that were JPEG files once are known by their grid, others are not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from jpeg import decoded, jpeg, scene
from thinlens.sources import find_grid

PICTURE = scene(200, 264)


def compressed(quality: int, **options: Any) -> np.ndarray:
    return decoded(jpeg(PICTURE, quality, **options))


@pytest.mark.parametrize("quality", [30, 50, 65, 80, 90])
@pytest.mark.parametrize("place", [(0, 0), (3, 5), (7, 1)])
def test_the_grid_is_found_where_the_picture_was_cropped(quality: int, place: tuple[int, int]) -> None:
    cropped = compressed(quality)[8 - place[0] or 8 :, 8 - place[1] or 8 :]
    grid = find_grid([cropped], cropped.shape)
    assert grid is not None
    assert grid.place == place
    assert grid.quality == pytest.approx(quality, abs=4)


def test_turned_and_mirrored_pictures() -> None:
    cropped = compressed(70)[3:195, 6:254]
    for picture in (cropped.swapaxes(0, 1), cropped[::-1], np.rot90(cropped)):
        grid = find_grid([picture], picture.shape)
        assert grid is not None
        assert grid.quality == pytest.approx(70, abs=4)


@pytest.mark.parametrize("seed", range(12))
def test_a_clean_picture_has_none(seed: int) -> None:
    picture = scene(150 + 40 * seed, 200, seed)
    assert find_grid([picture], picture.shape) is None
    assert find_grid([picture[..., 1]], picture.shape[:2]) is None


@pytest.mark.parametrize("level", [0, 100, 255])
def test_flat_pictures_have_none(level: int) -> None:
    picture = np.full((120, 130, 3), level, np.uint8)
    assert find_grid([picture], picture.shape) is None


@pytest.mark.parametrize("shape", [(1, 1), (38, 500, 3), (20, 20, 4)])
def test_small_pictures_show_nothing(shape: tuple[int, ...]) -> None:
    assert find_grid([np.zeros(shape, np.uint8)], shape) is None


@pytest.mark.parametrize("rows", [1, 7, 64, 500])
def test_in_bands_as_in_one_piece(rows: int) -> None:
    picture = compressed(60)
    bands = [picture[top : top + rows] for top in range(0, len(picture), rows)]
    assert find_grid(bands, picture.shape) == find_grid([picture], picture.shape)


def test_other_kinds_of_pictures() -> None:
    picture = compressed(60)
    expected = find_grid([picture], picture.shape)
    transparent = np.dstack([picture, picture[..., :1]])
    assert find_grid([transparent], transparent.shape) == expected
    assert find_grid([picture.astype(np.uint16) * 257], picture.shape) == expected
    assert find_grid([picture.astype(np.float32) / 255], picture.shape) == expected
    gray = decoded(jpeg(PICTURE[..., 1], 60))
    grid = find_grid([gray], gray.shape)
    assert grid is not None and grid.place == (0, 0)


def test_any_tables() -> None:
    table = (np.add.outer(np.arange(8), np.arange(8)) * 2 + 4).ravel().tolist()
    picture = compressed(75, qtables=[table] * 2)
    grid = find_grid([picture], picture.shape)
    assert grid is not None and grid.place == (0, 0)
