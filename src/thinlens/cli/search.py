"""`thinlens search` and `thinlens search report`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from .options import size_of

if TYPE_CHECKING:
    from ..search import Candidate, Status

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


@app.callback(invoke_without_command=True)
def search(
    context: typer.Context,
    out: Annotated[
        Optional[Path],  # noqa: UP045, Typer reads it at run time, on Python 3.10 too
        typer.Option("--out", "-o", metavar="DIR", help="The folder of the search; one that was ended goes on."),
    ] = None,
    data: Annotated[Optional[Path], typer.Option(metavar="PHOTOS", help="A folder of photos to train on.")] = None,  # noqa: UP045
    family: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option(help="Only this one, as eSR-MAX; may be repeated [default: the published 1,185 networks]"),
    ] = None,
    scale: Annotated[
        Optional[list[int]],  # noqa: UP045
        typer.Option("--scale", "-s", help="Only 2, 3 or 4; may be repeated."),
    ] = None,
    max_parameters: Annotated[Optional[int], typer.Option(help="Of the network that runs.")] = None,  # noqa: UP045
    max_multiplications: Annotated[Optional[float], typer.Option(help="For a pixel of the result.")] = None,  # noqa: UP045
    network: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option(metavar="ID", help="This one, instead of the pool; may be repeated. real-run: those of the docs."),
    ] = None,
    adaptive: Annotated[bool, typer.Option("--adaptive", help="Find the front with few trainings.")] = False,
    budget: Annotated[float, typer.Option(help="Of --adaptive: the part of the work of training all.")] = 1 / 3,
    sets: Annotated[
        Optional[list[Path]],  # noqa: UP045
        typer.Option("--set", metavar="FOLDER", help="Pictures to score on, as Set5; may be repeated."),
    ] = None,
    size: Annotated[str, typer.Option(metavar="WxH", help="Of the picture that is timed.")] = "1920x1080",
    threads: Annotated[Optional[int], typer.Option(help="Of what is timed [default: all]")] = None,  # noqa: UP045
    against: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(help="Engines for the front: onnxruntime,openvino,… [default: opencv, bicubic, if installed]"),
    ] = None,
    cluster: Annotated[str, typer.Option(metavar="ADDRESS", help="Of a Ray cluster.")] = "local",
    jobs: Annotated[
        Optional[int],  # noqa: UP045
        typer.Option("--jobs", "-j", min=1, help="Trainings at a time [default: as many as find a place]"),
    ] = None,
    cpus: Annotated[int, typer.Option(min=1, help="Processors of a training.")] = 1,
    gpus: Annotated[float, typer.Option(min=0, help="Of a training: 1, or a fraction as 0.25.")] = 0.0,
    timing: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(metavar="RESOURCE", help="Of the machine of a cluster that times and does nothing else."),
    ] = None,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="What has failed before, once more.")] = False,
) -> None:
    """Train, score and time many networks, for the front of quality against speed."""
    if context.invoked_subcommand is not None:
        return
    if out is None or data is None:
        raise ValueError("a search needs a folder and photos: thinlens search --out DIR --data PHOTOS")
    from .. import search as package

    if network and (family or max_parameters or max_multiplications):
        raise ValueError("--network and the filters of the pool contradict each other; give one of them")
    chosen = (
        _named(network, scale)
        if network
        else package.pool(
            family or (), scale or (2, 3, 4), max_parameters=max_parameters, max_multiplications=max_multiplications
        )
    )
    with _Live() as live:
        rows = package.search(
            out,
            data,
            chosen,
            budget=budget if adaptive else None,
            sets=sets or (),
            size=size_of(size),
            threads=threads,
            against=None if against is None else [name.strip() for name in against.split(",") if name.strip()],
            cluster=cluster,
            jobs=jobs,
            cpus=cpus,
            gpus=gpus,
            timing=timing,
            retry_failed=retry_failed,
            progress=live.show,
        )
    failed = [row for row in rows if row.state == "failed"]
    for row in failed:
        print(f"{row.network}: {row.reason}")
    print(f"{out}: {len(rows) - len(failed)} trials, {len(failed)} failed; now: thinlens search report {out}")


@app.command()
def report(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Of the search, which may still be at work.")],
    quality: Annotated[str, typer.Option(help="validation, or the name of a set, as Set5.")] = "validation",
) -> None:
    """Write the fronts of a search, DIR/report.html and DIR/front.png, and print them."""
    from rich.console import Console

    from ..search.report import table, write

    written, rows = write(folder, quality)
    Console().print(table(rows, quality))
    print("\n".join(str(path) for path in written))


def _named(names: list[str], scales: list[int] | None) -> list[Candidate]:
    from ..search import REAL_RUN, candidate

    identifiers = dict.fromkeys(each for name in names for each in (REAL_RUN if name == "real-run" else [name]))
    found = [candidate(each) for each in identifiers]
    return [each for each in found if not scales or each.scale in scales]


class _Live:
    """What is shown on standard error while a search runs; on no terminal, nothing until it ends."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.live import Live

        self.live = Live("starting workers", console=Console(stderr=True), refresh_per_second=2, transient=True)

    def __enter__(self) -> _Live:
        if self.live.console.is_terminal:
            self.live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.live.stop()

    def show(self, status: Status) -> None:
        """A line of counts, and a line for each scale: the best up to some milliseconds."""
        self.live.update(status_text(status))


def status_text(status: Status) -> str:
    """As `12 done, 2 running, 0 failed, 3 to be timed, 7 min left`, then the best of each scale at each speed."""
    counts = f"{status.done} done, {status.running} running, {status.failed} failed, {status.untimed} to be timed"
    left = "" if status.seconds_left is None else f", {_duration(status.seconds_left)} left"
    lines = [counts + left]
    for scale, best in status.best.items():
        cells = [f"≤ {limit:g} ms {row.network} {row.validation:.2f} dB" for limit, row in best.items()]
        lines.append(f"×{scale}: " + " · ".join(cells))
    return "\n".join(lines)


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"
