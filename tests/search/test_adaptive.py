"""The adaptive strategy: the front with a third of the work, and nothing lost when the driver is."""

from __future__ import annotations

from math import log, log10

import pytest

from thinlens.search import REAL_RUN, RUNGS, Adaptive, Candidate, Row, Timed, Trained, Trial, candidate
from thinlens.search.front import hypervolume
from thinlens.search.recipes import work
from thinlens.search.strategy import trial_of

CANDIDATES = [candidate(identifier) for identifier in REAL_RUN if "_s2_" in identifier]
KINDS = {"eSR-MAX": 0.0, "eSR-TM": 0.1, "eSR-TR": 0.3}


def done(trial: Trial) -> Row:
    """Of a made-up world: more multiplications are slower and better, and so is more training."""
    about = trial.candidate
    milliseconds = 0.5 + about.multiplications / 60 * (2 if about.family == "FSRCNN" else 1)
    quality = 30 + 1.5 * log10(about.multiplications) + KINDS.get(about.family, 0.5) - (1 / trial.share - 1) / 30
    return Row.begun(trial, Trained(quality)).timed(Timed(milliseconds, milliseconds, milliseconds))


def play(strategy: Adaptive, limit: int = 10**6) -> list[Row]:
    """Do what is asked, some at a time, until nothing more is or there are that many rows."""
    rows: list[Row] = []
    while asked := [trial for _ in range(4) if (trial := strategy.ask())]:
        for trial in asked:
            rows.append(done(trial))
            strategy.tell(rows[-1])
        if len(rows) >= limit:
            break
    return rows


def area(rows: list[Row]) -> float:
    points = [(log(row.milliseconds or 1), row.validation or 0.0) for row in rows]
    return hypervolume(points, (log(200), 30.0))


def spent(rows: list[Row]) -> float:
    recipes = [trial_of(candidate(row.network), row.share).recipe for row in rows]
    return sum(work(recipe) for recipe in recipes if recipe is not None)


def test_a_third_of_the_work_is_enough() -> None:
    rows = play(Adaptive(CANDIDATES))
    assert len({row.key for row in rows}) == len(rows)
    assert spent(rows) <= len(CANDIDATES) / 3
    assert area(rows) >= 0.95 * area([done(trial_of(each, 1.0)) for each in CANDIDATES])
    for rung, share in enumerate(RUNGS[1:], start=1):
        reached = {row.network for row in rows if row.share == share}
        assert reached and reached <= {row.network for row in rows if row.share == RUNGS[rung - 1]}


def test_an_interrupted_search_asks_anew_what_was_running() -> None:
    whole = Adaptive(CANDIDATES)
    before = play(whole, 30)
    lost = [trial for _ in range(3) if (trial := whole.ask())]
    again = Adaptive(CANDIDATES)
    for row in before:
        again.tell(row)
    after = play(again)
    assert lost and {trial.candidate.identifier for trial in lost} <= {row.network for row in before + after}
    assert not {row.key for row in before} & {row.key for row in after}
    assert spent(before + after) <= len(CANDIDATES) / 3


def test_failures_cost_and_are_not_asked_again() -> None:
    strategy = Adaptive(CANDIDATES, 0.2)
    seen: list[str] = []
    while trial := strategy.ask():
        seen.append(trial.key)
        strategy.tell(Row.begun(trial, "ArithmeticError: it diverged"))
    assert len(set(seen)) == len(seen) and len(seen) * 0.11 <= 0.2 * len(CANDIDATES)


def test_as_many_run_as_may() -> None:
    strategy = Adaptive(CANDIDATES, together=5)
    asked = [strategy.ask() for _ in range(6)]
    assert None not in asked[:5] and asked[5] is None


def test_yardsticks_come_first_and_whole() -> None:
    strategy = Adaptive([Candidate("Bicubic_s2", "Bicubic", 2, 100, 25.0), *CANDIDATES])
    trial = strategy.ask()
    assert trial is not None and (trial.candidate.family, trial.share, trial.recipe) == ("Bicubic", 1.0, None)


def test_rows_of_other_recipes_are_not_taken() -> None:
    trial = trial_of(CANDIDATES[0], 1.0)
    strategy = Adaptive(CANDIDATES)
    before = strategy.left()
    strategy.tell(done(Trial(CANDIDATES[0], 0.5, trial.recipe)))
    assert strategy.left() == before


@pytest.mark.parametrize("budget", [0, 1.1])
def test_a_budget_is_a_part(budget: float) -> None:
    with pytest.raises(ValueError, match="the budget is a part of the work of the whole grid"):
        Adaptive(CANDIDATES, budget)
