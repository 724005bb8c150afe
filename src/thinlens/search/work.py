"""What a worker does: it trains and scores a trial, or times it; two functions of a trial and of the settings."""

from __future__ import annotations

import ctypes
import os
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

import thinlens

from .. import checkpoint, nets, program, training
from ..data.benchmarks import open_benchmark
from ..data.pairs import make_pairs, prepare
from ..evaluation import protocol
from ..evaluation.speed import measure
from ..program import Convolution, Lookup, Program
from .energy import joules
from .pool import OPENCV
from .recipes import SAMPLING
from .row import Row, Timed, Trained, Trial

CHECKPOINTS, PROGRAMS = "checkpoints", "programs"
OPENCV_ENGINE = "opencv"
REPEATS = 20


@dataclass(frozen=True)
class Settings:
    """What all trials of a search share: the folders of photos, of the search and of the sets to score on, the size
    `(width, height)` of the low-resolution picture that is timed, with how many threads (None: all), and whether
    trials have a GPU."""

    data: Path
    folder: Path
    sets: tuple[Path, ...] = ()
    size: tuple[int, int] = (1920, 1080)
    threads: int | None = None
    gpu: bool = False

    @property
    def shared(self) -> dict[str, object]:
        """Those without which rows cannot be compared."""
        from ..data.pairs import digest, photo_files

        return {
            "photos": digest(photo_files(self.data), SAMPLING),
            "size": list(self.size),
            "threads": self.threads,
            "sets": [folder.name for folder in self.sets],
        }

    def checkpoint(self, key: str) -> Path:
        """Where the trained network of a trial is."""
        return self.folder / CHECKPOINTS / f"{key}.safetensors"

    def program(self, key: str) -> Path:
        """Where the program of a trial is."""
        return self.folder / PROGRAMS / f"{key}.safetensors"


def train(trial: Trial, settings: Settings) -> Trained:
    """Train a network, make its program, score it.

    What is there already is taken: the checkpoint of a worker that was lost later, or the state of one that was lost
    in the midst of training. Raises what training, conversion and scoring raise.
    """
    began = time.perf_counter()
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS") or 1))
    scale = trial.candidate.scale
    if trial.candidate.family == OPENCV:
        result = Trained(_psnr(lambda low: _cubic(low, scale), settings, scale), _scores_of_cubic(settings, scale))
    else:
        validation = fit(trial, settings)
        made = _program(trial, settings)
        scores = protocol.evaluate(made, settings.sets) if settings.sets else []
        by_set = {score.data: (round(score.psnr, 4), round(score.ssim, 6)) for score in scores}
        result = Trained(validation, by_set, settings.program(trial.key).stat().st_size, _table_bytes(made))
    return replace(result, train_seconds=round(time.perf_counter() - began, 2), train_machine=platform.node())


def measure_time(row: Row, settings: Settings, engines: Sequence[str] = ()) -> Timed:
    """Time the program of a trained trial, and other engines beside it; nothing else should run on the machine."""
    threads = settings.threads or os.cpu_count() or 1
    cubic = row.family == OPENCV
    made = program.bicubic(row.scale) if cubic else program.load(settings.program(row.key))
    against = [OPENCV_ENGINE] if cubic else list(engines)
    speed = measure([made], settings.size, against, threads, False, REPEATS)
    times = {timing.engine: timing for timing in speed.timings}
    ours = times.pop(OPENCV_ENGINE if cubic else "thinlens")
    where = f"{speed.machine}; {threads} threads; {settings.size[0]}×{settings.size[1]}; {date.today().isoformat()}"
    result = Timed(ours.median, ours.lower, ours.upper, timed_on=where)
    if cubic:
        return result
    picture = np.random.default_rng(0).integers(0, 256, settings.size[::-1], np.uint8)
    compiled = thinlens.compile(made)

    def once() -> object:
        return compiled(picture, threads=threads)

    others = {name: timing.median for name, timing in times.items()}
    return replace(result, memory_bytes=_memory(once), joules=joules(once), engines=others)


def fit(trial: Trial, settings: Settings) -> float:
    """The validation PSNR (dB) of the trained network, or of one with nothing to train."""
    path = settings.checkpoint(trial.key)
    path.parent.mkdir(parents=True, exist_ok=True)
    if trial.recipe is None:
        module = nets.build(nets.parse(trial.candidate.identifier), "edge")
        checkpoint.save(module, path, {})
        return _psnr(lambda low: module(torch.from_numpy(low)[None, None])[0, 0].numpy(), settings, module.config.scale)
    if path.exists():
        _, provenance = checkpoint.load(path)
        if provenance.get("recipe") == trial.recipe.hash() and "validation_psnr" in provenance:
            return float(str(provenance["validation_psnr"]))
    device = "cuda" if settings.gpu else "cpu"
    return round(training.train(trial.recipe, settings.data, path, device=device, progress=False), 3)


def _program(trial: Trial, settings: Settings) -> Program:
    """The program of a trained network, in the form that is quickest for 8-bit pictures."""
    from ..conversion import convert

    source, target = settings.checkpoint(trial.key), settings.program(trial.key)
    target.parent.mkdir(parents=True, exist_ok=True)
    made = convert(source, target)
    if made.uint8 is None and sum(isinstance(op, Convolution) for op in made.ops) > 1:
        made = convert(source, target, quantize=settings.data)
    return made


def _table_bytes(made: Program) -> int:
    return sum(op.table.nbytes for op in (made.uint8 or made).ops if isinstance(op, Lookup))


def _memory(run: Any) -> int | None:
    """Bytes that a run takes at most beyond what the process had before, where Linux tells it."""
    try:
        ctypes.CDLL(None).malloc_trim(0)  # what earlier runs have freed goes back first
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    except (OSError, AttributeError, TypeError):  # another system, another C library
        return None
    before = _status("VmRSS")
    result = run()
    del result
    return max(0, _status("VmHWM") - before)


def _status(name: str) -> int:
    """Bytes that /proc/self/status has under a name."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name + ":"))


def _cubic(low: NDArray[Any], scale: int) -> NDArray[Any]:
    """A picture or plane enlarged by OpenCV's INTER_CUBIC."""
    try:
        import cv2
    except ModuleNotFoundError:
        raise ImportError("OpenCV is needed to compare with it: pip install 'thinlens[benchmark]'") from None
    return cv2.resize(low, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)


def _psnr(enlarge: Callable[[NDArray[np.float32]], NDArray[Any]], settings: Settings, scale: int) -> float:
    """Mean PSNR (dB) over the validation crops of what enlarges planes `(H, W)` float32 in [0, 1]."""
    pairs, border = make_pairs(prepare(settings.data, SAMPLING).validation, scale), 2 * scale
    inside = (slice(border, -border), slice(border, -border))
    errors = [
        float(np.square(enlarge(low).clip(0, 1)[inside] - high[inside]).mean())
        for low, high in zip(pairs.low_resolution, pairs.high_resolution, strict=True)
    ]
    return float(np.mean(-10 * np.log10(np.maximum(errors, 1e-10))))


def _scores_of_cubic(settings: Settings, scale: int) -> Mapping[str, tuple[float, float]]:
    found: dict[str, tuple[float, float]] = {}
    for folder in settings.sets:
        benchmark, rules = open_benchmark(folder), protocol.Protocol()
        score = protocol.score(OPENCV, scale, lambda low: _cubic(low, scale), benchmark, rules)
        found[score.data] = (round(score.psnr, 4), round(score.ssim, 6))
    return found
