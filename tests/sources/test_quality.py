"""Tables are worth what they do to pictures, whoever made them."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from jpeg import decoded, jpeg, scene
from thinlens.photo import Compression
from thinlens.sources.quality import of_table, quality, standard_table

FLAT = np.full((8, 8), 16)
STEEP = np.add.outer(np.arange(8), np.arange(8)) * 6 + 3


@pytest.mark.parametrize("percent", [1, 10, 30, 50, 75, 90, 97, 100])
def test_the_standards_tables_are_worth_their_quality(percent: int) -> None:
    assert of_table(standard_table(percent)) == pytest.approx(percent, abs=0.6)


def test_coarser_tables_are_worth_less() -> None:
    worth = [of_table(np.maximum(STEEP * factor // 8, 1)) for factor in range(1, 30)]
    assert all(first >= second for first, second in pairwise(worth))


@pytest.mark.parametrize("table", [FLAT, FLAT // 4, STEEP, STEEP // 3 + 1, STEEP.T[::-1].T * 2])
def test_tables_of_one_worth_err_alike(table: np.ndarray) -> None:
    picture = scene(160, 160)
    own = decoded(jpeg(picture, qtables=[table.ravel().tolist()] * 2, subsampling=0))
    like = decoded(jpeg(picture, round(of_table(table)), subsampling=0))
    errors = [np.mean(((each.astype(float) - picture) @ [0.299, 0.587, 0.114]) ** 2) for each in (own, like)]
    assert abs(10 * np.log10(errors[0] / errors[1])) < 3


@pytest.mark.parametrize("format", ["WebP", "AVIF"])
def test_indices_are_worth_less_the_higher(format: str) -> None:
    worth = [quality(Compression(format, index=index)) for index in range(0, 128, 4)]
    assert worth[0] > 97
    assert all(first > second for first, second in pairwise(worth))
