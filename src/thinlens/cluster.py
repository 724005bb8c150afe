"""Folders too large for one machine: the jobs of a batch as tasks of Ray, on a cluster or on this machine alone."""

from __future__ import annotations

import os
from collections.abc import Generator, Sequence
from socket import create_connection
from typing import Any, TypeAlias

from . import models, run
from .batch import Outcome, clean_targets, do
from .jobs import Job

LOCAL = "local"
ATTEMPTS = 4
"""How often a photo is begun whose worker is lost; one that kills its worker every time is given up then."""
WAITING = 1000
"""Tasks handed to Ray at a time: enough for the largest cluster, few enough to keep count of."""

PATIENCE = 10
"""Seconds in which a cluster must answer."""

Mark: TypeAlias = tuple[int, int] | None
"""Which file a name stands for: when it was modified, in ns, and its inode; None without one."""


def upscale_files(
    jobs: Sequence[Job], address: str = LOCAL, *, skip_existing: bool = False, **how: Any
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

    model = how.pop("model", "balanced")
    if not (isinstance(model, str) and model in models.PRESETS):
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
                    running[task.remote(absolute, _mark(absolute), model=model, **how)] = job
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
                    yield Outcome(job, outcome.error, seconds=outcome.seconds)
    finally:
        ray.shutdown()
        clean_targets(jobs)  # after those that were killed with it


def connect(address: str) -> None:
    """Connect to a Ray cluster, or start one on this machine; ConnectionError, naming the address, if there is none."""
    import ray

    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    if address == LOCAL:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        ray.init(address=LOCAL, include_dashboard=False, **quiet)
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
        ray.init(address=address, **quiet)
    except (OSError, ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ConnectionError(f"the Ray cluster at {address} does not take this machine: {reason}") from None


def _attempt(job: Job, before: Mark, **how: Any) -> Outcome:
    """A job on a worker, which has one processor; `before` is what stood in the target's place when it was given."""
    os.environ.setdefault("HL_NUM_THREADS", "1")
    from .photo import threads

    if _mark(job) != before:  # an earlier attempt has done it, and was lost before it could say so
        return Outcome(job)
    with threads(1):
        return do(job, **how)


def _mark(job: Job) -> Mark:
    try:
        status = job.target.stat()
    except FileNotFoundError:
        return None
    return status.st_mtime_ns, status.st_ino
