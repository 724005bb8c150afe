"""The driver: asks a strategy for trials, gives them to workers, writes what comes back. It alone writes the table."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeAlias

from ..cluster import LOCAL
from ..evaluation.peers import PEERS
from .adaptive import Adaptive
from .front import front
from .pool import BICUBIC, OPENCV, Candidate, opencv_cubic, pool
from .row import Row, Timed, Trained, Trial
from .strategy import Grid, Strategy, trial_of
from .table import Table
from .work import OPENCV_ENGINE, Settings, measure_time
from .work import train as train_and_score
from .workers import Measure, Task, Train, Workers

TIMED_TOGETHER = 48
"""So many trained networks wait for their turn before training pauses and all are timed."""
SPEEDS = (1.0, 3.0, 10.0, 30.0, 100.0)
"""Milliseconds up to which the best network is shown while the search runs."""
Folder: TypeAlias = str | os.PathLike[str]


@dataclass(frozen=True)
class Status:
    """How far a search is: trials done, running, failed and waiting to be timed, seconds left (None: not known yet)
    and the best of each scale up to each of SPEEDS that any reaches, by validation."""

    done: int
    running: int
    failed: int
    untimed: int
    seconds_left: float | None
    best: dict[int, dict[float, Row]]


def search(
    out: Folder,
    data: Folder,
    candidates: Sequence[Candidate] | None = None,
    *,
    strategy: Strategy | None = None,
    budget: float | None = None,
    sets: Sequence[Folder] = (),
    size: tuple[int, int] = (1920, 1080),
    threads: int | None = None,
    against: Sequence[str] | None = None,
    cluster: str = LOCAL,
    jobs: int | None = None,
    cpus: int = 1,
    gpus: float = 0.0,
    timing: str | None = None,
    retry_failed: bool = False,
    train: Train = train_and_score,
    measure: Measure = measure_time,
    progress: Callable[[Status], None] = lambda _: None,
) -> list[Row]:
    """Train, score and time candidates (None: the published pool) on photos; the rows, in the order they were begun.

    `out` is the folder of the search: a search that was ended goes on there, without what is done. With a `budget`, a
    part of the work of all, it is adaptive (`Adaptive`); or `strategy` says what is made. `sets` are folders of
    pictures to score on, `against` engines to compare with: bicubic of OpenCV for each scale, others for what is on the
    front in the end (None: OpenCV, if it is installed). On a `cluster`, `out`, `data` and `sets` must have the same
    paths on all machines. See `Workers` for `cluster`, `jobs` (at most), `cpus`, `gpus` and `timing`. `train` and
    `measure` are what workers do. Raises ValueError, OSError, ImportError or ConnectionError, all before anything is
    trained; what fails later is a row with its reason.
    """
    chosen = list(pool() if candidates is None else candidates)
    engines = _engines(against)
    scales = dict.fromkeys(each.scale for each in chosen)
    yardsticks = [opencv_cubic(scale) for scale in scales if OPENCV_ENGINE in engines]
    yardsticks += [each for each in pool([BICUBIC], list(scales)) if each not in chosen]
    if strategy is None:
        strategy = Grid(chosen) if budget is None else Adaptive(chosen, budget)
    folders = tuple(Path(folder).absolute() for folder in sets)
    settings = Settings(Path(data).absolute(), Path(out).absolute(), folders, size, threads, gpus > 0)
    with Table(out, settings.shared) as table:
        if retry_failed:
            for key in [row.key for row in table.rows.values() if row.state == "failed"]:
                table.remove(key)
        with Workers(cluster, cpus=cpus, gpus=gpus, most=jobs, timing=timing) as workers:
            run = _Run(table, settings, workers, strategy, train, measure, progress)
            run.work([trial_of(each, 1.0) for each in yardsticks])
            run.compare([name for name in engines if name != OPENCV_ENGINE])
        return list(table.rows.values())


def _engines(against: Sequence[str] | None) -> list[str]:
    if against is None:
        return [OPENCV_ENGINE] if find_spec("cv2") else []
    if unknown := [name for name in against if name not in PEERS]:
        raise ValueError(f"unknown engine {unknown[0]!r}; the known ones: {', '.join(PEERS)}")
    return list(against)


class _Run:
    """A search at work."""

    def __init__(
        self,
        table: Table,
        settings: Settings,
        workers: Workers,
        strategy: Strategy,
        train: Train,
        measure: Measure,
        progress: Callable[[Status], None],
    ) -> None:
        self.table, self.settings, self.workers, self.strategy = table, settings, workers, strategy
        self.train, self.measure, self.progress = train, measure, progress
        self.first = deque[Trial]()
        self.training: dict[Task, Trial] = {}
        self.timing: dict[Task, Row] = {}
        self.untimed = deque(row for row in table.rows.values() if row.state == "trained")
        self.pausing = bool(self.untimed) and not workers.apart
        for row in table.rows.values():
            if row.state != "trained":
                strategy.tell(row)

    def work(self, yardsticks: Sequence[Trial]) -> None:
        """Make all trials that are to be made."""
        self.first.extend(trial for trial in yardsticks if trial.key not in self.table.rows)
        while True:
            self._begin()
            if not (self.training or self.timing):
                return
            for task in self.workers.finished([*self.training, *self.timing], 1.0):
                self._end(task, self.workers.result(task))
            self.progress(self.status())

    def compare(self, engines: Sequence[str]) -> None:
        """Time other engines beside the networks on the front of each scale."""
        done = [row for row in self.table.rows.values() if row.state == "done" and not row.yardstick]
        for scale in dict.fromkeys(row.scale for row in done):
            rows = [row for row in done if row.scale == scale]
            points = [(row.milliseconds or 0.0, row.validation or 0.0) for row in rows]
            for index in front(points) if engines else []:
                row = rows[index]
                if not set(engines) <= row.engines.keys():
                    task = self.workers.measure(self.measure, row, self.settings, engines)
                    result = self.workers.result(task)
                    if not isinstance(result, str):  # the row is whole without
                        self.table.write(row.timed(result))
                    self.progress(self.status())

    def status(self) -> Status:
        """How far it is."""
        rows = list(self.table.rows.values())
        failed = sum(row.state == "failed" for row in rows)
        running = len(self.training) + len(self.timing)
        return Status(
            sum(row.state == "done" for row in rows), running, failed, len(self.untimed), self._left(rows), _best(rows)
        )

    def _begin(self) -> None:
        """Give workers what they can take. Without a machine of its own, timing waits until nothing is trained, and
        then training until nothing is left to time."""
        apart = self.workers.apart
        self.pausing = not apart and (self.pausing or len(self.untimed) >= TIMED_TOGETHER)
        while not self.pausing and len(self.training) < self.workers.slots and (trial := self._next()):
            self.training[self.workers.train(self.train, trial, self.settings)] = trial
        if self.untimed and not self.timing and (apart or not self.training):
            self.pausing = not apart
            row = self.untimed.popleft()
            self.timing[self.workers.measure(self.measure, row, self.settings, ())] = row
        elif not self.timing and self.pausing and not self.untimed:
            self.pausing = False
            self._begin()

    def _next(self) -> Trial | None:
        while trial := self.first.popleft() if self.first else self.strategy.ask():
            if trial.key not in self.table.rows:  # else it waits to be timed, and is told of then
                return trial
        return None

    def _end(self, task: Task, result: Any) -> None:
        """Write what a task gave, and tell the strategy of what is whole."""
        if task in self.timing:
            row = self.timing.pop(task).timed(_checked(result, Timed))
        else:
            row = Row.begun(self.training.pop(task), _checked(result, Trained))
        self.table.write(row)
        if row.state == "trained":
            self.untimed.append(row)
        else:
            self.strategy.tell(row)

    def _left(self, rows: Sequence[Row]) -> float | None:
        """Seconds, by the mean of those that are trained."""
        trained = [row for row in rows if row.train_seconds is not None and not row.yardstick]
        if not trained:
            return None
        pace = sum(row.train_seconds or 0.0 for row in trained) / sum(row.share for row in trained)
        running = sum(trial.share for trial in self.training.values()) / 2
        return (self.strategy.left() + running) * pace / self.workers.slots


def _checked(result: Any, kind: type[Any]) -> Any:
    """What a task gave, if it is what it should give, else why not."""
    return result if isinstance(result, kind | str) else f"a worker returned {type(result).__name__}"


def _best(rows: Sequence[Row]) -> dict[int, dict[float, Row]]:
    found: dict[int, dict[float, Row]] = {}
    timed = [row for row in rows if row.state == "done" and row.family != OPENCV]
    for scale in sorted({row.scale for row in timed}):
        best: dict[float, Row] = {}
        for limit in SPEEDS:
            quick = [row for row in timed if row.scale == scale and (row.milliseconds or 0.0) <= limit]
            if quick:
                row = max(quick, key=lambda row: row.validation or 0.0)
                if row not in best.values():
                    best[limit] = row
        found[scale] = best
    return found
