"""What is known of a trial: one row, which becomes whole in two steps, trained and timed, or fails with its reason."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal, TypeAlias

from ..training import Recipe
from .pool import YARDSTICKS, Candidate

State: TypeAlias = Literal["trained", "done", "failed"]


@dataclass(frozen=True)
class Trial:
    """A configuration and the recipe that it is trained by, None for a yardstick; `share` is that of its work."""

    candidate: Candidate
    share: float = 1.0
    recipe: Recipe | None = None

    @property
    def key(self) -> str:
        """Sixteen hexadecimal digits that change with the configuration and any setting of the recipe."""
        if self.recipe is not None:
            return self.recipe.hash()
        return hashlib.sha256(self.candidate.identifier.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Trained:
    """What training gives: PSNR (dB) on validation crops, PSNR and SSIM on each set, bytes of the program's file and of
    its tables, the seconds that it took and where."""

    validation: float
    scores: Mapping[str, tuple[float, float]] = field(default_factory=dict[str, tuple[float, float]])
    program_bytes: int = 0
    table_bytes: int = 0
    train_seconds: float = 0.0
    train_machine: str = ""


@dataclass(frozen=True)
class Timed:
    """What timing gives: median and quartiles in milliseconds, the memory (bytes) that a picture takes beside itself,
    the energy (J) of one where it can be read, milliseconds of other engines, and where, with what, when it was."""

    milliseconds: float
    lower: float
    upper: float
    memory_bytes: int | None = None
    joules: float | None = None
    engines: Mapping[str, float] = field(default_factory=dict[str, float])
    timed_on: str = ""


@dataclass(frozen=True)
class Row:
    """A trial in the table: what it is, how far it has come, and the fields of `Trained` and `Timed`."""

    key: str
    network: str
    family: str
    scale: int
    share: float
    parameters: int
    multiplications: float
    state: State
    reason: str = ""
    validation: float | None = None
    scores: Mapping[str, tuple[float, float]] = field(default_factory=dict[str, tuple[float, float]])
    program_bytes: int | None = None
    table_bytes: int | None = None
    train_seconds: float | None = None
    train_machine: str = ""
    milliseconds: float | None = None
    lower: float | None = None
    upper: float | None = None
    memory_bytes: int | None = None
    joules: float | None = None
    engines: Mapping[str, float] = field(default_factory=dict[str, float])
    timed_on: str = ""

    @classmethod
    def begun(cls, trial: Trial, result: Trained | str) -> Row:
        """After training, or with the reason why there was none."""
        about = trial.candidate
        what = (trial.key, about.identifier, about.family, about.scale, trial.share)
        cost = (about.parameters, about.multiplications)
        if isinstance(result, str):
            return cls(*what, *cost, "failed", result)
        return cls(*what, *cost, "trained", **_fields(result))

    def timed(self, result: Timed | str) -> Row:
        """After timing, or with the reason why there was none."""
        if isinstance(result, str):
            return replace(self, state="failed", reason=result)
        return replace(self, state="done", **_fields(result))

    @property
    def yardstick(self) -> bool:
        """Whether there was nothing to train."""
        return self.family in YARDSTICKS

    def quality(self, data: str = "validation") -> float | None:
        """PSNR (dB) on the validation crops or on a set."""
        return self.validation if data == "validation" else self.scores.get(data, (None, None))[0]

    def without_times(self) -> Row:
        """The same but for what no two runs have in common: times, energy, memory and machines."""
        none = dict.fromkeys(("milliseconds", "lower", "upper", "memory_bytes", "joules", "train_seconds"))
        return replace(self, **none, engines={}, timed_on="", train_machine="")  # pyright: ignore[reportArgumentType]


def _fields(part: Trained | Timed) -> dict[str, Any]:
    return {item.name: getattr(part, item.name) for item in fields(part)}
