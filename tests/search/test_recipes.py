"""Shortened recipes, their rungs and what they count as."""

from __future__ import annotations

import pytest

from thinlens.search import REAL_RUN, RUNGS, shortened_recipe
from thinlens.search.recipes import work
from thinlens.training import GradientDescent, LeastSquares


@pytest.mark.parametrize("identifier", REAL_RUN[::7])
def test_rungs_are_shares_of_the_work(identifier: str) -> None:
    shares = [work(shortened_recipe(identifier, share)) for share in RUNGS]
    assert shares[-1] == 1
    assert shares == pytest.approx(RUNGS, rel=0.15)
    assert len({shortened_recipe(identifier, share).hash() for share in RUNGS}) == len(RUNGS)


def test_one_layer_by_least_squares_many_by_soap() -> None:
    assert isinstance(shortened_recipe("eSR-TR_s2_K5_C4").optimizer, LeastSquares)
    assert isinstance(shortened_recipe("ESPCN_s2_D16_S32").optimizer, GradientDescent)


def test_wide_networks_get_samples_enough() -> None:
    optimizer = shortened_recipe("eSR-TR_s4_K7_C16").optimizer
    assert isinstance(optimizer, LeastSquares) and optimizer.samples >= 25 * 3 * 16 * 49


@pytest.mark.parametrize("share", [0, 1.5])
def test_a_share_is_a_share(share: float) -> None:
    with pytest.raises(ValueError, match="the share of a recipe's work"):
        shortened_recipe("eSR-MAX_s2_K3_C2", share)
