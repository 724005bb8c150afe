"""`thinlens video`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from .options import ClusterOption, JsonOption, OverwriteOption, SkipOption, SourceOption, size_of
from .work import STREAM, stop

if TYPE_CHECKING:
    from ..batch import Outcome
    from ..films import Options
    from ..jobs import Job


def video(
    films: Annotated[
        list[Path], typer.Argument(metavar="FILM", help="Films, folders with all below, patterns as 'a/*.mkv', or -.")
    ],
    out: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--out", "-o", help="A file for one film, else a folder, or - [default: beside the film, …-x2]"),
    ] = None,
    model: Annotated[
        str, typer.Option("--model", "-m", help="fast, balanced, fine, best, lut, an id or a file.")
    ] = "balanced",
    scale: Annotated[
        Optional[float],  # noqa: UP045
        typer.Option("--scale", "-s", help="How many times larger, from 1 to 16 [default: 2, or the model's own]"),
    ] = None,
    size: Annotated[Optional[str], typer.Option(metavar="WxH", help="Exactly this size.")] = None,  # noqa: UP045
    width: Annotated[Optional[int], typer.Option(help="Pixels across, in proportion.")] = None,  # noqa: UP045
    height: Annotated[Optional[int], typer.Option(help="Pixels down, in proportion.")] = None,  # noqa: UP045
    fit: Annotated[Optional[str], typer.Option(metavar="WxH", help="The largest that fits into this.")] = None,  # noqa: UP045
    long_side: Annotated[Optional[int], typer.Option(help="Pixels along the longer side.")] = None,  # noqa: UP045
    source: SourceOption = "auto",
    codec: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(help="h264, hevc, av1, vp9, ffv1 or prores [default: that of the film, else h264]"),
    ] = None,
    encoder: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(help="An encoder by its name, such as h264_nvenc, in the place of a codec."),
    ] = None,
    crf: Annotated[Optional[float], typer.Option(help="Constant quality, the lower the better.")] = None,  # noqa: UP045
    preset: Annotated[Optional[str], typer.Option(help="How thoroughly the encoder works.")] = None,  # noqa: UP045
    pixel_format: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(help="Of the result, such as yuv420p10le [default: that of the film]"),
    ] = None,
    start: Annotated[Optional[float], typer.Option(help="Seconds of the film to leave out.")] = None,  # noqa: UP045
    duration: Annotated[Optional[float], typer.Option(help="Seconds of the film to make.")] = None,  # noqa: UP045
    preview: Annotated[
        Optional[float],  # noqa: UP045
        typer.Option(help="Only a picture, of this second: by interpolation at the left, by the model at the right."),
    ] = None,
    deinterlace: Annotated[bool, typer.Option("--deinterlace", help="Make frames of fields first.")] = False,
    drop_subtitles: Annotated[bool, typer.Option("--drop-subtitles", help="Leave subtitles out.")] = False,
    drop_data: Annotated[bool, typer.Option("--drop-data", help="Leave data streams and attached files out.")] = False,
    enhance: Annotated[
        bool, typer.Option("--enhance", help="Give each shot the colors that a model chooses for it.")
    ] = False,
    strength: Annotated[
        Optional[float],  # noqa: UP045
        typer.Option(help="How much of that change is done, from 0 to 1 [default: 1]"),
    ] = None,
    keep_partial: Annotated[
        bool, typer.Option("--keep-partial", help="Of a damaged film keep what was before, as ….partial.….")
    ] = False,
    format: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(help="Of the results, such as mkv, mp4, mov, webm [default: that of the film]"),
    ] = None,
    skip_existing: SkipOption = False,
    overwrite: OverwriteOption = False,
    cluster: ClusterOption = None,
    json: JsonOption = False,
) -> None:
    """Make films larger."""
    from .. import films as all_films
    from .. import jobs, run, sizes

    if skip_existing and overwrite:
        raise ValueError("--skip-existing and --overwrite contradict each other; give one of them")
    if strength is not None and not enhance:
        raise ValueError("--strength says how much --enhance does; give both or none")
    wanted = sizes.TargetSize(
        scale, size_of(size) if size else None, width, height, size_of(fit) if fit else None, long_side
    )
    offered = run.scales(model)
    sizes.plan((10**6, 10**6), offered, wanted)
    options = all_films.Options(
        wanted, model, source, codec, encoder, crf, preset, pixel_format, start, duration, deinterlace,
        drop_subtitles, drop_data, keep_partial, enhance=(1.0 if strength is None else strength) if enhance else None,
    )  # fmt: skip
    if preview is not None:
        _preview(films, out, preview, options, overwrite)
        return
    if STREAM in (*films, out):
        if len(films) > 1 or json or cluster or format or skip_existing:
            raise ValueError(
                "- stands for one film; leave out the others, --json, --cluster, --format, --skip-existing"
            )
        _pipe(films[0], out or STREAM, options, overwrite)
        return
    todo = jobs.plan(
        films,
        out,
        wanted.label(offered),
        format=format,
        may_exist=skip_existing or overwrite,
        kind=all_films.films_kind(),
    )
    _do(todo, options, skip_existing, cluster, json)


def _do(todo: list[Job], options: Options, skip_existing: bool, cluster: str | None, as_json: bool) -> None:
    """Films one after the other, with the frames that are done and the time that is left shown meanwhile."""
    from contextlib import redirect_stdout
    from json import dumps
    from time import perf_counter

    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    from ..films import upscale_films

    counts = dict.fromkeys(("done", "skipped", "failed"), 0)
    begun, results = perf_counter(), sys.stdout
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    errors: list[str] = []
    with Progress(*columns, console=Console(stderr=True)) as bar, redirect_stdout(sys.stderr):
        task = bar.add_task("enlarging", total=None)

        def shown(job: Job, done: int, of: int) -> None:
            bar.update(task, description=job.source.name, completed=done, total=of)

        outcomes = upscale_films(todo, options, skip_existing=skip_existing, progress=shown, upscale=_upscale(cluster))
        try:
            for outcome in _interruptible(outcomes):
                status = "failed" if outcome.error else "skipped" if outcome.skipped else "done"
                counts[status] += 1
                if as_json:
                    print(dumps(_line(outcome, status)), file=results, flush=True)
                elif outcome.error:
                    errors.append(outcome.error)
                elif status == "done":
                    print(outcome.job.target, file=results, flush=True)
                if outcome.lost:
                    print(f"{outcome.job.target} has no {' and no '.join(outcome.lost)}", file=sys.stderr)
        except KeyboardInterrupt:
            bar.stop()
            stop("stopped; the same command goes on from here")
    for error in errors:
        print(f"thinlens: {error}", file=sys.stderr)
    if as_json:
        print(dumps({"films": len(todo), **counts, "stopped": False, "seconds": perf_counter() - begun}), flush=True)
    elif len(todo) > 1:
        there = f", {counts['skipped']} there already" if counts["skipped"] else ""
        print(f"{counts['done']} of {len(todo)} films enlarged{there}")
    if counts["failed"]:
        raise typer.Exit(2 if len(todo) == 1 else 1)


def _line(outcome: Outcome, status: str) -> dict[str, Any]:
    choice = outcome.choice
    files = {"film": str(outcome.job.source), "result": str(outcome.job.target)}
    line = {**files, "status": status, "error": outcome.error, "seconds": outcome.seconds}
    return line | {"source": choice and choice.source, "why": choice and choice.why, "lost": outcome.lost}


def _upscale(cluster: str | None) -> Callable[..., Any]:
    if cluster is None:
        from ..films import upscale_film

        return upscale_film
    from functools import partial

    from ..cluster import upscale_film as upscale_on_cluster

    return partial(upscale_on_cluster, address=cluster)


def _interruptible(outcomes: Generator[Outcome, None, None]) -> Generator[Outcome, None, None]:
    """The same, made in another thread: FFmpeg and Halide do not hear Ctrl-C, the main thread does."""
    from concurrent.futures import ThreadPoolExecutor

    pool = ThreadPoolExecutor(1)
    while (outcome := pool.submit(next, outcomes, None).result()) is not None:
        yield outcome


def _preview(films: list[Path], out: Path | None, at: float, options: Options, overwrite: bool) -> None:
    from ..films import preview

    if len(films) != 1 or films[0] == STREAM:
        raise ValueError("--preview is of one film")
    target = out or films[0].with_name(f"{films[0].stem}-preview.png")
    if target.exists() and not overwrite:
        raise FileExistsError(f"{target} is there already; give --overwrite")
    preview(films[0], target, at, options)
    print(target)


def _pipe(source: Path, target: Path, options: Options, overwrite: bool) -> None:
    import os

    from ..film_streams import upscale_stream

    if target == STREAM and sys.stdout.isatty():
        raise ValueError("a film would fill the terminal with signs; give a file with -o, or a pipe")
    if target != STREAM and target.exists() and not overwrite:
        raise FileExistsError(f"{target} is there already; give --overwrite")
    film = sys.stdin.buffer if source == STREAM else source
    try:
        upscale_stream(film, sys.stdout.buffer if target == STREAM else target, options)
    except BrokenPipeError:  # who reads has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
