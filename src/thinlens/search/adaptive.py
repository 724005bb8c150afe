"""The front with few trainings: a sampler asks for networks, successive halving lets the best of them go on."""

from __future__ import annotations

import warnings
from collections import deque
from collections.abc import Iterator, Sequence
from math import log
from typing import Any

from .front import hypervolume
from .pool import YARDSTICKS, Candidate
from .recipes import RUNGS, shortened_recipe, work
from .row import Row, Trial
from .strategy import Recipes, trial_of

REDUCTION = 3
"""One of so many goes on to the next rung."""
UNKNOWN = 3.0
"""dB that more training is taken to be worth in a family of which nothing is known yet."""
TOGETHER = 9
"""Trials asked of a scale before the first of them is told of."""


class Adaptive:
    """The strategy, each scale apart.

    Networks are asked for by a multi-objective sampler of Optuna [Akiba2019], the tree-structured Parzen estimator
    [Ozaki2022], of validation PSNR and the logarithm of the time: first some of all costs. They begin with a ninth of
    the work, and a third of each rung goes on to the next [Jamieson2016]: those that widen the front most if they gain
    by it what others of their family did, since some are as good after a ninth and others far from it. It ends when
    `budget`, a part of the work of the whole grid, is spent. Rows of an earlier run are told first; what was running
    then is asked anew. Raises ValueError for a budget that is no part, ImportError without Optuna.
    """

    def __init__(
        self,
        candidates: Sequence[Candidate],
        budget: float = 1 / 3,
        *,
        seed: int = 0,
        together: int = TOGETHER,
        recipes: Recipes = shortened_recipe,
    ) -> None:
        if not 0 < budget <= 1:
            raise ValueError(f"the budget is a part of the work of the whole grid, above 0 and at most 1, got {budget}")
        self._yardsticks = [trial_of(each, 1.0) for each in candidates if each.family in YARDSTICKS]
        by_scale: dict[int, list[Candidate]] = {}
        for each in candidates:
            if each.family not in YARDSTICKS:
                by_scale.setdefault(each.scale, []).append(each)
        self._scales = [_Scale(each, budget, seed, together, recipes) for each in by_scale.values()]

    def ask(self) -> Trial | None:
        if self._yardsticks:
            return self._yardsticks.pop()
        return next((trial for scale in self._scales if (trial := scale.ask()) is not None), None)

    def tell(self, row: Row) -> None:
        self._yardsticks = [trial for trial in self._yardsticks if trial.key != row.key]
        for scale in self._scales:
            scale.tell(row)

    def left(self) -> float:
        return sum(scale.budget - scale.spent for scale in self._scales)


class _Scale:
    """The candidates of one scale: what is asked, what is known of them on each rung, and the sampler."""

    def __init__(
        self, candidates: Sequence[Candidate], budget: float, seed: int, together: int, recipes: Recipes
    ) -> None:
        by_cost = sorted(candidates, key=lambda each: (each.multiplications, each.parameters))
        self.candidates = {each.identifier: each for each in by_cost}
        self.families: dict[str, list[Candidate]] = {}
        for each in self.candidates.values():
            self.families.setdefault(each.family, []).append(each)
        self.budget, self.spent = budget * len(self.candidates), 0.0
        self.together, self.recipes = together, recipes
        self.running: dict[str, Any] = {}  # by key: the trial of the study, None beyond the first rung
        self.rungs: list[dict[str, Row]] = [{} for _ in RUNGS]
        self.begun: list[set[str]] = [set() for _ in RUNGS]
        self.study = _study(seed)
        self.first = _spread(list(self.candidates.values()), together)

    def ask(self) -> Trial | None:
        """A network that is to go on to another rung, else a new one; None while as many run as may, and at the end."""
        if len(self.running) >= self.together:
            return None
        for rung in reversed(range(1, len(RUNGS))):
            for network in self._best(rung - 1):
                if trial := self._begin(self.candidates[network], rung):
                    return trial
        cheapest = next((each for each in self.candidates.values() if each.identifier not in self.begun[0]), None)
        if cheapest is None or not self._affordable(self._trial(cheapest, 0)):
            return None
        candidate, question = self._sample()
        return self._begin(candidate, 0, question)

    def tell(self, row: Row) -> None:
        """A row that was asked for, or one of an earlier run that would have been."""
        rung = self._rung(row)
        if rung is None:
            return
        question = self.running.pop(row.key, None)
        candidate = self.candidates[row.network]
        if row.network not in self.begun[rung]:
            self._count(self._trial(candidate, rung), rung)
        if row.state == "failed":
            if question is not None:
                _tell(self.study, question, None)
            return
        self.rungs[rung][row.network] = row
        if rung == 0:
            _tell(self.study, question or self._question(candidate), _values(row))

    def _rung(self, row: Row) -> int | None:
        """On which rung a row is that belongs here."""
        if row.network in self.candidates:
            for rung in range(len(RUNGS)):
                if abs(row.share - RUNGS[rung]) < 1e-9:
                    return rung if self._trial(self.candidates[row.network], rung).key == row.key else None
        return None

    def _trial(self, candidate: Candidate, rung: int) -> Trial:
        return trial_of(candidate, RUNGS[rung], self.recipes)

    def _affordable(self, trial: Trial) -> bool:
        return self.spent + _work(trial) <= self.budget + 1e-9

    def _begin(self, candidate: Candidate, rung: int, question: Any = None) -> Trial | None:
        trial = self._trial(candidate, rung)
        if not self._affordable(trial):
            return None
        self._count(trial, rung)
        self.running[trial.key] = question
        return trial

    def _count(self, trial: Trial, rung: int) -> None:
        self.spent += _work(trial)
        for lower in range(rung + 1):
            self.begun[lower].add(trial.candidate.identifier)

    def _best(self, rung: int) -> Iterator[str]:
        """The networks of a rung that may go on and have not, those first that are likely to widen the front most."""
        rows = self.rungs[rung]
        if len(self.begun[rung + 1]) >= len(rows) // REDUCTION:
            return
        known = {name: row for level in self.rungs for name, row in level.items()}  # of the highest rung of each
        points = {name: _point(row) for name, row in known.items()}
        reference = max(time for time, _ in points.values()) + 1e-9, min(points[name][1] for name in rows) - 1e-9
        whole = hypervolume(list(points.values()), reference)
        gains: dict[str, float] = {}
        for name in rows.keys() - self.begun[rung + 1]:
            time, quality = points[name]
            hoped = {**points, name: (time, quality + self._improvement(name, rung))}
            gains[name] = hypervolume(list(hoped.values()), reference) - whole
        order = sorted(gains, key=lambda name: (-gains[name], name))
        yield from order[: len(rows) // REDUCTION - len(self.begun[rung + 1])]

    def _improvement(self, network: str, rung: int) -> float:
        """By how many dB a network is likely to be better on the next rung: as others of its family were.

        Where none has gone on yet, it is on the first rung so much that one of each family does, and then a third of
        what the last rung brought the network itself.
        """
        family, lower, upper = self.candidates[network].family, self.rungs[rung], self.rungs[rung + 1]
        found = [
            _quality(upper[name]) - _quality(lower[name])
            for name in upper.keys() & lower.keys()
            if self.candidates[name].family == family
        ]
        if found:
            return max(0.0, sum(found) / len(found))
        before = self.rungs[rung - 1].get(network) if rung else None
        if before is None:
            return UNKNOWN
        return min(UNKNOWN, max(0.0, _quality(lower[network]) - _quality(before))) / REDUCTION

    def _sample(self) -> tuple[Candidate, Any]:
        """A network that was not asked before, with its trial of the study: one of the first few of all costs, then
        what the sampler proposes, or the nearest to it by cost, in its family as long as there are any."""
        while self.first:
            if (candidate := self.first.popleft()).identifier not in self.begun[0]:
                return candidate, self._question(candidate)
        proposed = self.study.ask()
        family = proposed.suggest_categorical("family", list(self.families))
        place = proposed.suggest_int(family, 0, len(self.families[family]) - 1)
        wanted = self.families[family][place]
        if wanted.identifier not in self.begun[0]:
            return wanted, proposed
        _tell(self.study, proposed, None)
        free = [each for each in self.candidates.values() if each.identifier not in self.begun[0]]

        def distance(other: Candidate) -> tuple[bool, float]:
            return other.family != family, abs(log(other.multiplications / wanted.multiplications))

        candidate = min(free, key=distance)
        return candidate, self._question(candidate)

    def _question(self, candidate: Candidate) -> Any:
        """A trial of the study with the parameters of this candidate: its family, and its place there by cost."""
        family = self.families[candidate.family]
        self.study.enqueue_trial({"family": candidate.family, candidate.family: family.index(candidate)})
        question = self.study.ask()
        question.suggest_categorical("family", list(self.families))
        question.suggest_int(candidate.family, 0, len(family) - 1)
        return question


def _values(row: Row) -> tuple[float, float]:
    """What is to be large and what is to be small: PSNR in dB, and the logarithm of the time."""
    assert row.validation is not None and row.milliseconds is not None
    return row.validation, log(row.milliseconds)


def _point(row: Row) -> tuple[float, float]:
    quality, time = _values(row)
    return time, quality


def _quality(row: Row) -> float:
    return _values(row)[0]


def _work(trial: Trial) -> float:
    assert trial.recipe is not None
    return work(trial.recipe)


def _study(seed: int) -> Any:
    try:
        import optuna
    except ModuleNotFoundError:
        raise ImportError("an adaptive search needs optuna: pip install 'thinlens[search]'") from None
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        sampler = optuna.samplers.TPESampler(seed=seed, multivariate=True, group=True, constant_liar=True)
    return optuna.create_study(directions=["maximize", "minimize"], sampler=sampler)


def _tell(study: Any, question: Any, values: tuple[float, float] | None) -> None:
    from optuna.trial import TrialState

    if values is None:
        study.tell(question, state=TrialState.FAIL)
    else:
        study.tell(question, list(values))


def _spread(candidates: Sequence[Candidate], count: int) -> deque[Candidate]:
    """Some candidates of all costs, the cheapest and the dearest among them."""
    last = len(candidates) - 1
    places = {round(last * index / max(count - 1, 1)) for index in range(count)}
    return deque(candidates[place] for place in sorted(places))
