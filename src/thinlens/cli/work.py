"""From the photos that a verb got to their results: which become which, and what is said meanwhile."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Generator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TextIO, TypeVar

import typer

if TYPE_CHECKING:
    from ..batch import Outcome
    from ..color.grading import Grading
    from ..jobs import Job
    from ..photo import Encoding
    from ..run import Done
    from ..sizes import TargetSize

STREAM = Path("-")
STDOUT = (STREAM, Path("/dev/stdout"), Path("/dev/fd/1"))
"""What standard output is called as a target."""
SHOWN = 5
"""Names of photos that are left out."""
Result = TypeVar("Result")
INTERRUPTED = 130
"""The exit code of a command that Ctrl-C ended, by convention."""


@dataclass(frozen=True)
class Work:
    """What is done to each photo, and what that is called."""

    wanted: TargetSize
    model: str
    grading: Grading | None
    limit: float | None
    source: str
    doing: str
    done: str
    keep_damaged: bool
    encoding: Encoding
    quiet: bool

    @property
    def options(self) -> dict[str, Any]:
        """All but the size, as the functions that do photos take them."""
        return {
            "model": self.model,
            "limit": self.limit,
            "grading": self.grading,
            "source": self.source,
            "keep_damaged": self.keep_damaged,
            "encoding": self.encoding,
        }


def todo_of(
    photos: list[Path],
    out: str | None,
    label: str,
    format: str | None,
    skip_existing: bool,
    overwrite: bool,
    jobs: int | None,
    cluster: str | None,
    json: bool,
    encoding: Encoding,
) -> list[Job] | None:
    """Which photo becomes which; None for a pipe. Raises ValueError if options do not go together."""
    from ..jobs import plan
    from ..photo import check_target

    if skip_existing and overwrite:
        raise ValueError("--skip-existing and --overwrite contradict each other; give one of them")
    if cluster and jobs:
        raise ValueError("--jobs is for this machine; on a cluster every processor takes one photo at a time")
    if any(map(_is_stream, photos)) or (out and _is_stream(Path(out))):
        if len(photos) > 1 or json or cluster:
            raise ValueError("- stands for one photo; leave out the others, --json and --cluster")
        return None
    todo = plan(photos, out, label, format=format, may_exist=skip_existing or overwrite, go_on=skip_existing)
    for job in todo:
        check_target(job.target, encoding)
    return todo


def do(
    todo: list[Job],
    work: Work,
    skip_existing: bool,
    jobs: int | None,
    cluster: str | None,
    json: bool,
    left_out: list[Path],
) -> None:
    """Photo files, one, or many at a time, here or on a cluster. Those that are left out are said."""
    from contextlib import redirect_stdout

    from .. import batch, run

    options = work.options
    if len(todo) == 1 and not (json or cluster or skip_existing or left_out):
        batch.clean_targets(todo)
        done = _interruptible(run.upscale_file_to, todo[0].source, todo[0].target, work.wanted, **options)
        if not work.quiet:
            print(todo[0].target)
            _say(done)
    elif cluster:
        from ..cluster import upscale_files

        outcomes = upscale_files(todo, cluster, work.wanted, **options, skip_existing=skip_existing)
        results = sys.stdout
        with redirect_stdout(sys.stderr):  # for what Ray prints of lost workers
            _follow(outcomes, todo, work, json, results, left_out)
    else:
        outcomes = batch.upscale_files(todo, work.wanted, **options, skip_existing=skip_existing, workers=jobs)
        _follow(outcomes, todo, work, json, sys.stdout, left_out)


def pipe(source: Path, target: Path, overwrite: bool, format: str | None, work: Work) -> None:
    """From standard input or to standard output."""
    from ..streams import upscale_stream

    if target in STDOUT and sys.stdout is None:  # pyright: ignore[reportUnnecessaryComparison]
        raise ValueError("standard output is closed; give a file with -o")
    if source == STREAM and sys.stdin is None:  # pyright: ignore[reportUnnecessaryComparison]
        raise ValueError("standard input is closed; give a file")
    if target in STDOUT and sys.stdout.isatty():
        raise ValueError("a picture would fill the terminal with signs; give a file with -o, or a pipe")
    if target.is_file() and target not in STDOUT and not overwrite:
        raise FileExistsError(f"{target} is there already; give --overwrite")
    with ExitStack() as opened:
        photo = sys.stdin.buffer if source == STREAM else source
        if photo is source and _is_stream(source):
            photo = opened.enter_context(open(source, "rb"))
        result = sys.stdout.buffer if target in STDOUT else target
        if result is target and _is_stream(target):
            result = opened.enter_context(open(target, "wb"))
        done = upscale_stream(photo, result, work.wanted, format=format, **work.options)
        if not work.quiet:
            _say(done)


def _is_stream(path: Path) -> bool:
    """Whether it is -, a pipe or a device, rather than a file or folder."""
    return path in STDOUT or (path.exists() and not path.is_file() and not path.is_dir())


def _say(done: Done) -> None:
    """Which source was taken and why, beside the results, unless that goes without saying; and what was left out."""
    from ..sources import UNTOUCHED

    choice = done.choice
    for note in done.notes:
        print(f"thinlens: {note}", file=sys.stderr)
    if not choice.asked and choice != UNTOUCHED:
        print(f"source: {choice}", file=sys.stderr)


def _interruptible(call: Callable[..., Result], *arguments: object, **options: object) -> Result:
    """Call in another thread: libvips and Halide do not hear Ctrl-C, the main thread does."""
    from concurrent.futures import ThreadPoolExecutor

    try:
        return ThreadPoolExecutor(1).submit(call, *arguments, **options).result()
    except KeyboardInterrupt:
        stop("stopped")


def _follow(
    outcomes: Generator[Outcome, None, None],
    jobs: list[Job],
    work: Work,
    as_json: bool,
    results: TextIO,
    left_out: list[Path],
) -> None:
    """Show how far the work is, and in the end, on `results`, what came of it.

    The exit code is 1 if any photo failed, 130 at Ctrl-C.
    """
    from collections import Counter
    from json import dumps
    from time import perf_counter

    from rich.console import Console
    from rich.progress import track

    counts = dict.fromkeys(("done", "skipped", "failed"), 0)
    errors: list[str] = []
    sources: Counter[str] = Counter()
    start, stopped = perf_counter(), False
    try:
        shown = Console(stderr=True)
        for outcome in track(outcomes, work.doing, total=len(jobs), console=shown, disable=work.quiet):
            status = "failed" if outcome.error else "skipped" if outcome.skipped else "done"
            counts[status] += 1
            choice = outcome.choice
            sources.update([choice.source] if choice and not choice.asked else ())
            if as_json:
                files = {"photo": str(outcome.job.source), "result": str(outcome.job.target)}
                line = {**files, "status": status, "error": outcome.error, "seconds": outcome.seconds}
                line |= {"source": choice and choice.source, "why": choice and choice.why, "notes": outcome.notes}
                print(dumps(line), file=results, flush=True)
            else:
                errors += [outcome.error] if outcome.error else () if work.quiet else outcome.notes
    except KeyboardInterrupt:
        stopped = True
        outcomes.close()
    if left_out and not (as_json or work.quiet):
        kinds = Counter(path.suffix.lower() for path in left_out)
        which = ", ".join(f"{count} {suffix}" for suffix, count in sorted(kinds.items()))
        errors.append(f"left out, for their format: {which}: {_some(left_out)}")
    for error in sorted(errors):
        print(f"thinlens: {error}", file=sys.stderr)
    if as_json:
        total = {"photos": len(jobs), **counts, "left_out": [str(path) for path in left_out], "stopped": stopped}
        end = dumps({**total, "seconds": perf_counter() - start})
    else:
        there = f", {counts['skipped']} there already" if counts["skipped"] else ""
        taken = ", ".join(f"{count} {source}" for source, count in sorted(sources.items()))
        as_what = f" ({taken})" if set(sources) - {"clean"} else ""
        end = f"{counts['done']} of {len(jobs)} photos {work.done}{as_what}{there}, in {_places(jobs)}"
    if as_json or not work.quiet:
        print(end, file=results, flush=True)
    if stopped:
        stop("stopped; --skip-existing goes on from here")
    if counts["failed"]:
        raise typer.Exit(1)


def _some(paths: list[Path]) -> str:
    """The first names, and how many more there are."""
    names = ", ".join(str(path) for path in paths[:SHOWN])
    return f"{names} and {len(paths) - SHOWN} more" if len(paths) > SHOWN else names


def stop(message: str) -> NoReturn:
    """End at once, with nothing half-written left."""
    from ..files import abandon

    print(f"thinlens: {message}", file=sys.stderr)
    sys.stdout.flush()
    sys.stderr.flush()
    abandon()
    os._exit(INTERRUPTED)


def _places(jobs: list[Job]) -> str:
    """The folders of the results, without those that lie in others of them."""
    folders = {job.target.parent for job in jobs}
    return ", ".join(sorted(str(folder) for folder in folders if folders.isdisjoint(folder.parents)))
