"""Many photos in one go, several at a time, so that one bad photo stops no other."""

from __future__ import annotations

import os
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING

from . import run
from .jobs import Job
from .run import Model
from .sizes import DEFAULT, TargetSize
from .sources import AUTO, Choice

if TYPE_CHECKING:
    from .color.grading import Grading
    from .photo import Encoding


@dataclass(frozen=True)
class Outcome:
    """What became of a job: done, in so many seconds, or skipped, or the sentence that says why it failed.

    `choice` is the source that was taken where it was done, `notes` what was left out of the file or damaged in it,
    `lost` what of the file the result cannot hold.
    """

    job: Job
    error: str | None = None
    skipped: bool = False
    seconds: float = 0.0
    choice: Choice | None = None
    notes: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()


def upscale_files(
    jobs: Sequence[Job],
    wanted: TargetSize = DEFAULT,
    *,
    model: Model = "balanced",
    limit: float | None = None,
    skip_existing: bool = False,
    workers: int | None = None,
    grading: Grading | None = None,
    source: str = AUTO,
    keep_damaged: bool = False,
    encoding: Encoding | None = None,
) -> Generator[Outcome, None, None]:
    """Do the jobs, `workers` of them at a time (None: as many as processors), and yield each outcome as it comes.

    Size, model, limit, grading, source, keep_damaged and encoding are those of `run.upscale_file_to`. A photo that
    fails leaves no file and stops no other; with `skip_existing` a result that is there already is left as it is. What
    killed runs have left half written in the target folders is removed. Closing the iterator begins no more photos;
    those begun are finished.
    """
    count = min(workers or processors(), len(jobs)) or 1
    # the photos beside each other keep the processors busy; more threads for each would only get in their way
    threads = 1 if count > 1 else processors()
    clean_targets(jobs)
    pool = ThreadPoolExecutor(count)
    try:
        options = (model, limit, skip_existing, threads, grading, source, keep_damaged, encoding)
        waiting = [pool.submit(do, job, wanted, *options) for job in jobs]
        for future in as_completed(waiting):
            yield future.result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def do(
    job: Job,
    wanted: TargetSize,
    model: Model,
    limit: float | None,
    skip_existing: bool = False,
    threads: int = 1,
    grading: Grading | None = None,
    source: str = AUTO,
    keep_damaged: bool = False,
    encoding: Encoding | None = None,
) -> Outcome:
    """Do one job, with so many threads of libvips; whatever goes wrong is told in the outcome."""
    from . import photo

    if skip_existing and job.target.exists():
        return Outcome(job, skipped=True)
    start = perf_counter()
    try:
        with photo.threads(threads):
            done = run.upscale_file_to(
                *(job.source, job.target, wanted),
                model=model,
                limit=limit,
                grading=grading,
                source=source,
                keep_damaged=keep_damaged,
                encoding=encoding,
            )
    except Exception as error:  # whatever it is, the other photos are not to suffer
        text = one_line(error)
        named = str(job.source) in text or str(job.target) in text
        return Outcome(job, text if named else f"{job.source}: {text}", seconds=perf_counter() - start)
    return Outcome(job, seconds=perf_counter() - start, choice=done.choice, notes=done.notes)


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
