"""The pool has exactly the published configurations, and further families in the same list."""

from __future__ import annotations

from collections import Counter

import pytest

from thinlens import nets
from thinlens.search import REAL_RUN, pool
from thinlens.search.pool import FAMILIES, candidate

PUBLISHED = {"Bicubic": 1, "eSR-MAX": 48, "eSR-TM": 48, "eSR-TR": 48, "eSR-CNN": 100, "ESPCN": 100, "FSRCNN": 50}


def test_the_published_1185() -> None:
    found = pool()
    assert len(found) == len({each.identifier for each in found}) == 1185
    counts = Counter((each.family, each.scale) for each in found)
    assert counts == {(name, scale): count for name, count in PUBLISHED.items() for scale in (2, 3, 4)}
    assert all(str(nets.parse(each.identifier)) == each.identifier for each in found)


def test_filters() -> None:
    found = pool(["eSR-MAX", "ECBSR"], [3], max_parameters=900, max_multiplications=90)
    assert {each.family for each in found} == {"eSR-MAX", "ECBSR"} and {each.scale for each in found} == {3}
    assert max(each.parameters for each in found) <= 900 and max(each.multiplications for each in found) <= 90
    assert "eSR-MAX_s3_K3_C10" in {each.identifier for each in found}  # 90 multiplications
    assert "eSR-MAX_s3_K3_C11" not in {each.identifier for each in found}


@pytest.mark.parametrize(
    ("identifier", "parameters", "multiplications"),
    [
        ("Bicubic_s2", 4 * 25, 25),
        ("eSR-TR_s2_K5_C4", 3 * 4 * 4 * 25, 3 * 4 * 25),
        ("ESPCN_s3_D0_S9", 9 * 9 + 9 + 9 * 9 * 9 + 9, (9 * 9 + 9 * 9 * 9) / 9),
        ("ECBSR_s2_M0_C8", 8 * 9 + 8 + 4 * 8 * 9 + 4 + 0, (8 * 9 + 4 * 8 * 9) / 4),
    ],
)
def test_counts_of_a_network(identifier: str, parameters: int, multiplications: float) -> None:
    found = candidate(identifier)
    assert (found.parameters, found.multiplications) == (parameters, pytest.approx(multiplications))


def test_every_family_is_found_again() -> None:
    for family in FAMILIES:
        assert candidate(str(next(iter(family.at(2))))).family == family.name


def test_the_real_run_is_of_the_pool() -> None:
    known = {each.identifier for each in pool([family.name for family in FAMILIES])}
    assert {name.replace("K9", "K7") for name in REAL_RUN} <= known  # a kernel of 9 is beyond the published pool
    assert len(set(REAL_RUN)) == len(REAL_RUN) == 3 * 37


def test_errors_name_what_there_is() -> None:
    with pytest.raises(ValueError, match="'EDSR' is not a family of the pool; choose of Bicubic, eSR-MAX"):
        pool(["EDSR"])
    with pytest.raises(ValueError, match="no configuration of the pool fits; raise --max-parameters"):
        pool(["FSRCNN"], max_parameters=5)
    with pytest.raises(ValueError, match="SR-LUT-S_s4 is of no family of the pool"):
        candidate("SR-LUT-S_s4")
