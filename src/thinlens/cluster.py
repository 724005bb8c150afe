"""Folders too large for one machine: the jobs of a batch as tasks of Ray, on a cluster or on this machine alone."""

from __future__ import annotations

import os
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from socket import create_connection
from typing import TYPE_CHECKING, Any, TypeAlias

from . import films, models, run
from .batch import Outcome, clean_targets, do
from .films import Options, Progress, Work
from .jobs import Job
from .run import Model
from .sizes import DEFAULT, TargetSize
from .sources import AUTO

if TYPE_CHECKING:
    from .color.grading import Grading
    from .photo import Encoding

LOCAL = "local"
ATTEMPTS = 4
"""How often a photo is begun whose worker is lost; one that kills its worker every time is given up then."""
WAITING = 1000
"""Tasks handed to Ray at a time: enough for the largest cluster, few enough to keep count of."""

PATIENCE = 10
"""Seconds in which a cluster must answer."""

Identity: TypeAlias = tuple[int, int] | None
"""Which file a name stands for: when it was modified, in ns, and its inode; None without one."""


def upscale_files(
    jobs: Sequence[Job],
    address: str = LOCAL,
    wanted: TargetSize = DEFAULT,
    *,
    model: Model = "balanced",
    limit: float | None = None,
    skip_existing: bool = False,
    grading: Grading | None = None,
    source: str = AUTO,
    keep_damaged: bool = False,
    encoding: Encoding | None = None,
) -> Generator[Outcome, None, None]:
    """Do the jobs on the Ray cluster at `address` (`local`: one on this machine, for as long as it takes).

    All is as in `batch.upscale_files`; photos and results must have the same paths on all machines, and thinlens must
    be installed there. A photo whose worker is lost is begun again elsewhere, unless its result is there: then it was
    lost after the photo was done. Raises ImportError without ray, ConnectionError if there is no such cluster.
    """
    try:
        import ray
        from ray.exceptions import RayError
    except ModuleNotFoundError:
        raise ImportError("a cluster needs ray: pip install 'thinlens[cluster]'") from None

    if not (isinstance(model, str) and model in models.NAMED):
        model = run.load(model)  # a file of this machine; presets are on all of them
    clean_targets(jobs)
    connect(address)
    try:
        task: Any = ray.remote(num_cpus=1, max_retries=ATTEMPTS - 1)(_attempt)
        left = iter(jobs)
        running: dict[Any, Job] = {}
        while True:
            while len(running) < WAITING and (job := next(left, None)):
                absolute = Job(job.source.absolute(), job.target.absolute())
                if skip_existing and job.target.exists():
                    yield Outcome(job, skipped=True)
                else:
                    options = (wanted, model, limit, grading, source, keep_damaged, encoding)
                    running[task.remote(absolute, _identity(absolute), *options)] = job
            if not running:
                return
            done, _ = ray.wait(list(running))
            for reference in done:
                job = running.pop(reference)
                try:
                    outcome: Outcome = ray.get(reference)
                except RayError as error:
                    text = f"its worker was lost {ATTEMPTS} times ({type(error).__name__})"
                    yield Outcome(job, f"{job.source}: {text}")
                else:
                    yield replace(outcome, job=job)
    finally:
        ray.shutdown()
        clean_targets(jobs)  # after those that were killed with it


def upscale_film(
    original: Path,
    target: Path,
    options: Options,
    progress: Progress = lambda _done, _of: None,
    address: str = LOCAL,
) -> Work:
    """Make a film larger on the Ray cluster at `address`, a segment for each worker; all is as in `films.upscale_film`.

    A segment whose worker is lost is begun again elsewhere. Film, target and the folder beside it must have the same
    paths on all machines. Raises ImportError without ray, ConnectionError if there is no such cluster.
    """
    try:
        import ray
        from ray.exceptions import RayError, RayTaskError
    except ModuleNotFoundError:
        raise ImportError("a cluster needs ray: pip install 'thinlens[cluster]'") from None

    model = options.model
    if not (isinstance(model, str) and model in models.NAMED):
        options = replace(options, model=run.load(model))
    work = films.prepare(original.absolute(), target.absolute(), options)
    total = sum(segment.frames for segment in work.segments)
    with films.folder_of(work) as folder:
        work = films.with_shots(work, folder)
        missing = folder.missing(work.segments)
        done = total - sum(segment.frames for segment in missing)
        progress(done, total)
        if missing:
            connect(address)
            try:
                task: Any = ray.remote(num_cpus=1, max_retries=ATTEMPTS - 1)(films.make_one)
                given = ray.put(work)
                left = iter(missing)
                running: dict[Any, Any] = {}
                while True:
                    while len(running) < WAITING and (segment := next(left, None)):
                        running[task.remote(given, segment, folder.file(segment))] = segment
                    if not running:
                        break
                    ready, _ = ray.wait(list(running))
                    for reference in ready:
                        segment = running.pop(reference)
                        try:
                            ray.get(reference)
                        except RayTaskError as error:
                            cause: Any = error.cause
                            if isinstance(cause, ValueError | OSError):
                                raise cause from None
                            raise
                        except RayError as error:
                            lost = f"a worker was lost {ATTEMPTS} times ({type(error).__name__})"
                            raise OSError(f"{original}: {lost}; what is made stays, so run it again") from None
                        done += segment.frames
                        progress(done, total)
            finally:
                ray.shutdown()
        films.finish(work, folder)
    return work


def connect(address: str) -> None:
    """Connect to a Ray cluster, or start one on this machine; ConnectionError, naming the address, if there is none."""
    import ray

    workers = {"env_vars": {"HL_NUM_THREADS": os.environ.get("HL_NUM_THREADS", "1")}}  # each has one processor
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR", "runtime_env": workers}
    if address == LOCAL:
        with _default("RAY_USAGE_STATS_ENABLED", "0"):
            ray.init(address=LOCAL, include_dashboard=False, **options)
        return
    try:
        host, colon, port = address.removeprefix("ray://").rpartition(":")
        if colon:  # where nobody listens, Ray waits for minutes
            create_connection((host, int(port)), timeout=PATIENCE).close()
    except (OSError, ValueError):
        raise ConnectionError(
            f"there is no Ray cluster at {address}; start one with `ray start --head`, or give local"
        ) from None
    try:
        ray.init(address=address, **options)
    except (OSError, ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ConnectionError(f"the Ray cluster at {address} does not take this machine: {reason}") from None


@contextmanager
def _default(variable: str, value: str) -> Generator[None, None, None]:
    """Within the block the environment has the variable, with this value if it had none before."""
    missing = variable not in os.environ
    os.environ.setdefault(variable, value)
    try:
        yield
    finally:
        if missing:
            os.environ.pop(variable, None)


def _attempt(
    job: Job,
    before: Identity,
    wanted: TargetSize,
    model: Model,
    limit: float | None,
    grading: Grading | None = None,
    source: str = AUTO,
    keep_damaged: bool = False,
    encoding: Encoding | None = None,
) -> Outcome:
    """A job on a worker, which has one processor; `before` is what stood in the target's place when it was given."""
    if _identity(job) != before:  # an earlier attempt has done it, and was lost before it could say so
        return Outcome(job)
    return do(
        *(job, wanted, model, limit), grading=grading, source=source, keep_damaged=keep_damaged, encoding=encoding
    )


def _identity(job: Job) -> Identity:
    try:
        status = job.target.stat()
    except FileNotFoundError:
        return None
    return status.st_mtime_ns, status.st_ino
