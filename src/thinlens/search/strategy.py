"""Which trials are made: the order in which a search asks for them. `Grid` is all of them, `adaptive` the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeAlias

from ..training import Recipe
from .pool import YARDSTICKS, Candidate
from .recipes import shortened_recipe
from .row import Row, Trial

Recipes: TypeAlias = Callable[[str, float], Recipe]
"""The recipe of a network for a share of the work."""


class Strategy(Protocol):
    """Asked for trials, told of rows when these are done or failed, in any order; also of those of an earlier run."""

    def ask(self) -> Trial | None:
        """The next trial; None if there is none until more is told, and at the end."""
        ...

    def tell(self, row: Row) -> None: ...

    def left(self) -> float:
        """How many times a whole recipe is still to be trained, as far as it is known, what runs left out."""
        ...


class Grid:
    """Every candidate, once, with its whole recipe, or with each of these shares of its work."""

    def __init__(
        self, candidates: Sequence[Candidate], recipes: Recipes = shortened_recipe, shares: Sequence[float] = (1.0,)
    ) -> None:
        trials = (trial_of(candidate, share, recipes) for share in shares for candidate in candidates)
        self._waiting = {trial.key: trial for trial in trials}

    def ask(self) -> Trial | None:
        return self._waiting.pop(next(iter(self._waiting))) if self._waiting else None

    def tell(self, row: Row) -> None:
        self._waiting.pop(row.key, None)

    def left(self) -> float:
        return sum(trial.share for trial in self._waiting.values())


def trial_of(candidate: Candidate, share: float, recipes: Recipes = shortened_recipe) -> Trial:
    """The trial of a candidate with a share of its recipe's work; yardsticks have none."""
    recipe = None if candidate.family in YARDSTICKS else recipes(candidate.identifier, share)
    return Trial(candidate, share, recipe)
