"""How fast: models and other engines side by side in one process, in turn, with warm-up, median and spread."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

import thinlens

from ..program import Program
from .peers import PEERS, Run

WARM_UP = 0.02
"""Seconds that an engine runs unmeasured when its turn comes: the worker threads of the one before it may go on
spinning for a while, its own have to wake up."""
FEATURES = ("avx2", "fma", "avx512f", "avx512_vnni", "avx_vnni", "asimd", "asimddp")
"""What of a processor decides how fast pipelines are, as Linux names it."""


@dataclass(frozen=True)
class Timing:
    """Milliseconds (6 decimals) of one engine on one model: the median of all rounds and the quartiles around it."""

    model: str
    scale: int
    engine: str
    median: float
    lower: float
    upper: float
    rounds: int


@dataclass(frozen=True)
class Speed:
    """Timings taken together: `size` is `(width, height)` of the low-resolution uint8 picture, luma or RGB.

    `machine` is what `machine()` says; in results before 2026-11-26 it names no features of the processor. `left_out`
    says which engines could not run which models, and why; `target` what processor thinlens compiled for
    and how it multiplies quantized values there ("" in results before 2026-11-27).
    """

    timings: tuple[Timing, ...]
    size: tuple[int, int]
    color: bool
    threads: int
    machine: str
    date: str
    versions: dict[str, str]
    left_out: tuple[str, ...] = ()
    target: str = ""

    def ratio(self, timing: Timing) -> float | None:
        """How many times as long as thinlens an engine takes on the same model."""
        for other in self.timings:
            if other.model == timing.model and other.scale == timing.scale and other.engine == "thinlens":
                return timing.median / other.median
        return None

    def markdown(self) -> str:
        """A heading line and a table: one row per model, one column per engine, milliseconds and quartiles."""
        engines = list(dict.fromkeys(timing.engine for timing in self.timings))
        width, height = self.size
        kind = "RGB" if self.color else "luma"
        versions = ", ".join(f"{name} {number}" for name, number in self.versions.items())
        machine = f"{self.machine}; {self.target}" if self.target else self.machine
        lines = [
            f"{kind} uint8, {width}×{height} low-resolution; {self.threads} threads; {machine}; {self.date}; "
            f"{versions}",
            "",
            f"| model | {' | '.join(engines)} |",
            f"| --- |{' ---: |' * len(engines)}",
        ]
        for model, scale in dict.fromkeys((timing.model, timing.scale) for timing in self.timings):
            row = {t.engine: t for t in self.timings if (t.model, t.scale) == (model, scale)}
            lines.append(f"| {model} | {' | '.join(self._cell(row.get(engine)) for engine in engines)} |")
        if self.left_out:
            lines += ["", *(f"- {reason}" for reason in self.left_out)]
        return "\n".join(lines) + "\n"

    def _cell(self, timing: Timing | None) -> str:
        if timing is None:
            return ""
        text = f"{timing.median:.2f} ms [{timing.lower:.2f}–{timing.upper:.2f}]"
        ratio = self.ratio(timing)
        return text if timing.engine == "thinlens" or ratio is None else f"{text}, {ratio:.2f}×"

    def to_json(self) -> str:
        """Everything, as a JSON object with a line for each timing."""
        fields = asdict(self)
        return with_rows("timings", fields.pop("timings"), fields)

    @classmethod
    def from_json(cls, text: str) -> Speed:
        """The inverse of `to_json`."""
        fields: dict[str, Any] = json.loads(text)
        timings = tuple(Timing(**row) for row in fields.pop("timings"))
        lists = {"size": tuple(fields.pop("size")), "left_out": tuple(fields.pop("left_out", ()))}
        return cls(timings, **lists, **fields)


def with_rows(name: str, rows: Iterable[object], fields: Mapping[str, object]) -> str:
    """A JSON object of fields and of a list under a name, with a line for each of its items."""
    head = "".join(f"{json.dumps(key)}: {json.dumps(value, ensure_ascii=False)},\n" for key, value in fields.items())
    lines = ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    return f"{{{head}{json.dumps(name)}: [\n{lines}\n]}}"


def benchmark(
    models: str | Program | Sequence[str | Program],
    *,
    scale: int | None = None,
    size: tuple[int, int] = (1920, 1080),
    against: Sequence[str] = (),
    threads: int | None = None,
    color: bool = False,
    repeats: int = 20,
    progress: Callable[[str], None] = lambda _: None,
) -> Speed:
    """Measure models, given as names, ids, files or programs, on a noise picture of `(width, height)`.

    `against` names engines to run beside them: opencv (bicubic, for scale), onnxruntime, openvino, ncnn, opencv-dnn,
    torch. They compute in float32, unless the program given is a quantized one; in RGB the network and its color form
    run in each of them but ncnn and torch. An engine that cannot run a model is left out there (`Speed.left_out`).
    Every engine returns a new result. Raises ImportError with the extra to install for engines that are missing,
    ValueError for unknown ones.
    """
    given = [models] if isinstance(models, str | Program) else models
    programs = [thinlens.load(model, scale) for model in given]
    return measure(programs, size, against, threads or os.cpu_count() or 1, color, repeats, progress)


def measure(
    programs: Sequence[Program],
    size: tuple[int, int],
    against: Sequence[str],
    threads: int,
    color: bool,
    repeats: int,
    progress: Callable[[str], None] = lambda _: None,
) -> Speed:
    """As `benchmark`, for programs."""
    unknown = [name for name in against if name not in PEERS]
    if unknown:
        raise ValueError(f"unknown engine {unknown[0]!r}; the known ones: {', '.join(PEERS)}")
    width, height = size
    if min(width, height, threads, repeats) < 1:
        raise ValueError(f"size, threads and repeats must be at least 1, got {width}x{height}, {threads}, {repeats}")
    shape = (height, width, 3) if color else (height, width)
    picture = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    timings: list[Timing] = []
    left_out: list[str] = []
    for program in programs:
        progress(f"{program.name} at {width}×{height}")
        runs = {"thinlens": _ours(program, picture, threads)}
        for name in against:
            try:
                runs[name] = PEERS[name](program.color if color else program, picture, threads)
            except ValueError as reason:
                left_out.append(f"{program.name} without {name}: {reason}")
        for name, times in _rounds(runs, repeats).items():
            timings.append(timing(program.name, program.scale, name, times))
    names = {"opencv": "opencv-python-headless", "opencv-dnn": "opencv-python-headless"}
    versions = {name: _version(names.get(name, name)) for name in ("thinlens", "halide", *against)}
    target = str(thinlens.compile(programs[0]).processor) if programs else ""
    today = date.today().isoformat()
    return Speed(tuple(timings), size, color, threads, machine(), today, versions, tuple(left_out), target)


def timing(model: str, scale: int, engine: str, seconds: Sequence[float]) -> Timing:
    """What the seconds of all rounds come to."""
    lower, median, upper = (round(float(part) * 1e3, 6) for part in np.quantile(seconds, [0.25, 0.5, 0.75]))
    return Timing(model, scale, engine, median, lower, upper, len(seconds))


def _ours(program: Program, picture: NDArray[np.uint8], threads: int) -> Run:
    compiled = thinlens.compile(program)
    return lambda: compiled(picture, threads=threads)


def _rounds(runs: dict[str, Run], repeats: int) -> dict[str, list[float]]:
    """Seconds of every engine in every round; each round runs all in turn, warms each up and measures one run.

    What is built at the first call is built before.
    """
    times: dict[str, list[float]] = {name: [] for name in runs}
    for run in runs.values():
        run()
    for _ in range(repeats):
        for name, run in runs.items():
            began = perf_counter()
            while perf_counter() - began < WARM_UP:
                run()
            start = perf_counter()
            run()
            times[name].append(perf_counter() - start)
    return times


def machine() -> str:
    """The processor with its features and how many of it this process sees.

    As in "Intel(R) Xeon(R) Processor (avx2, fma, avx512f), 2 processors".
    """
    cpuinfo = Path("/proc/cpuinfo").read_text(encoding="utf-8") if sys.platform == "linux" else ""
    return f"{processor(cpuinfo)}, {os.cpu_count()} processors"


def processor(cpuinfo: str) -> str:
    """The model of the first processor and its `FEATURES`, of the text that Linux has in /proc/cpuinfo."""
    lines = [line.partition(":") for line in cpuinfo.splitlines()]
    found = {key.strip().lower(): value.strip() for key, _, value in reversed(lines)}
    flags = found.get("flags", found.get("features", "")).split()
    features = ", ".join(name for name in FEATURES if name in flags)
    model = found.get("model name") or platform.processor() or platform.machine()
    return f"{model} ({features})" if features else model


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "unknown"
