"""What a form of pipelines is: which programs it takes, what it computes, and how."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import halide as hl

from ..program import Program
from .constants import Constants
from .picture import Picture
from .processor import Processor


class Stages(Protocol):
    """The stages of a pipeline: the last one, and the weights that all of them read."""

    @property
    def output(self) -> hl.Func:
        """The last stage: `(W * channels * scale, H * scale)` elements as stored."""
        ...

    @property
    def constants(self) -> Constants:
        """The weights, to be kept as long as the pipeline."""
        ...


Network = TypeVar("Network")
AnyStages = TypeVar("AnyStages", bound=Stages)


@dataclass(frozen=True)
class Form(Generic[Network, AnyStages]):
    """One way to compute programs of some shape.

    `match` is what the form needs to know of a program, None for a program that it does not take. `algorithm` says
    what is computed, for a kind of picture; `schedule` how, for a processor, in at most `tasks` parallel tasks.
    `disguised` says whether Halide is to write for `Processor.disguise`, where there is one.
    """

    match: Callable[[Program], Network | None]
    algorithm: Callable[[Network, Picture, hl.ImageParam, Processor], AnyStages]
    schedule: Callable[[Network, AnyStages, Processor, hl.Expr], None]
    disguised: bool = False
