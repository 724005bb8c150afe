"""Many photos in one go, several at a time, so that one bad photo stops no other."""

from __future__ import annotations

import os
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from . import run
from .jobs import Job


@dataclass(frozen=True)
class Outcome:
    """What became of a job: done, in so many seconds, or skipped, or the sentence that says why it failed."""

    job: Job
    error: str | None = None
    skipped: bool = False
    seconds: float = 0.0


def upscale_files(
    jobs: Sequence[Job], *, skip_existing: bool = False, workers: int | None = None, **how: Any
) -> Generator[Outcome, None, None]:
    """Do the jobs, `workers` of them at a time (None: as many as processors), and yield each outcome as it comes.

    `how` is what `run.upscale_file` takes: model, scale, size and so on. A photo that fails leaves no file and stops
    no other; with `skip_existing` a result that is there already is left as it is. What killed runs have left half
    written in the target folders is removed. Closing the iterator begins no more photos; those begun are finished.
    """
    from . import photo

    count = min(workers or processors(), len(jobs)) or 1
    clean_targets(jobs)
    pool = ThreadPoolExecutor(count)
    try:
        # the photos beside each other keep the processors busy; more threads for each would only get in their way
        with photo.threads(1 if count > 1 else processors()):
            waiting = [pool.submit(do, job, skip_existing=skip_existing, **how) for job in jobs]
            for future in as_completed(waiting):
                yield future.result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def do(job: Job, *, skip_existing: bool = False, **how: Any) -> Outcome:
    """Do one job; whatever goes wrong is told in the outcome."""
    if skip_existing and job.target.exists():
        return Outcome(job, skipped=True)
    start = perf_counter()
    try:
        run.upscale_file(job.source, job.target, **how)
    except Exception as error:  # whatever it is, the other photos are not to suffer
        text = one_line(error)
        named = str(job.source) in text or str(job.target) in text
        return Outcome(job, text if named else f"{job.source}: {text}", seconds=perf_counter() - start)
    return Outcome(job, seconds=perf_counter() - start)


def clean_targets(jobs: Sequence[Job]) -> None:
    """Remove what killed runs have left half written in the folders that the jobs write to."""
    from .files import clean

    for folder in {job.target.parent for job in jobs}:
        clean(folder)


def processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def one_line(error: Exception) -> str:
    """What went wrong as one line for people to read."""
    if isinstance(error, OSError) and error.strerror:
        text = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    elif isinstance(error, MemoryError):
        text = "there is not enough memory for the result"
    elif isinstance(error, OSError | ValueError | ImportError):
        text = str(error)
    else:
        text = f"unexpected {type(error).__name__}: {error}"
    return " ".join(text.split())
