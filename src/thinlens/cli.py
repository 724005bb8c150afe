"""The command `thinlens`: verbs in the order of the flow. Python users can call all that they do."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, Optional, TextIO

import typer

# Everything else is imported where it is used, so that `thinlens --help` is there at once.
if TYPE_CHECKING:
    from .batch import Outcome
    from .color.grading import Grading
    from .jobs import Job
    from .sizes import TargetSize

STREAM = Path("-")
INTERRUPTED = 130
"""The exit code of a command that Ctrl-C ended, by convention."""

app = typer.Typer(
    help="Make pictures larger and better looking, on any processor, in real time.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

ScaleOption = Annotated[
    Optional[int],  # noqa: UP045, Typer reads it at run time, on Python 3.10 too
    typer.Option("--scale", "-s", help="How many times larger: 2, 3 or 4 [default: 2, or the model's own]"),
]

PhotosArgument = Annotated[
    list[Path],
    typer.Argument(metavar="PHOTO", help="Photos, folders with all below, patterns as 'a/**/*.jpg', or -."),
]
LimitOption = Annotated[Optional[float], typer.Option(help="The most megapixels a picture may have.")]  # noqa: UP045
FormatOption = Annotated[Optional[str], typer.Option(help="Of the results: jpg, png, webp, tif, avif.")]  # noqa: UP045
SkipOption = Annotated[bool, typer.Option("--skip-existing", help="Leave out what is already done.")]
OverwriteOption = Annotated[bool, typer.Option("--overwrite", help="Replace files that are there already.")]
JobsOption = Annotated[
    Optional[int],  # noqa: UP045
    typer.Option("--jobs", "-j", min=1, help="Photos at a time [default: as many as processors]"),
]
ClusterOption = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(metavar="ADDRESS", help="Of a Ray cluster to do the work, or local."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print a line of JSON for each photo and one at the end.")]
StrengthOption = Annotated[float, typer.Option(help="How much of the change of colors is done, from 0 to 1.")]


def main() -> None:
    """Run the command; what goes wrong is told in one line, with exit code 2, or 1 where it broke off half-way."""
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except Exception as error:
        _fail(error)


@app.callback(invoke_without_command=True)
def version(
    shown: Annotated[
        bool, typer.Option("--version", help="Show the version and the processor, and exit.", is_eager=True)
    ] = False,
) -> None:
    if shown:
        import thinlens

        from .kernels.host import processor_of

        print(f"thinlens {thinlens.__version__}\n{processor_of()}")
        raise typer.Exit


@app.command()
def upscale(
    photos: PhotosArgument,
    out: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--out", "-o", help="A file for one photo, else a folder, or - [default: beside the photo, …-x2]"),
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
    enhance: Annotated[bool, typer.Option("--enhance", help="Better colors first, as thinlens enhance.")] = False,
    strength: StrengthOption = 1.0,
    limit: LimitOption = None,
    format: FormatOption = None,
    skip_existing: SkipOption = False,
    overwrite: OverwriteOption = False,
    jobs: JobsOption = None,
    cluster: ClusterOption = None,
    json: JsonOption = False,
) -> None:
    """Make photos larger."""
    from . import run, sizes

    wanted = sizes.TargetSize(
        scale, _size(size) if size else None, width, height, _size(fit) if fit else None, long_side
    )
    offered = run.scales(model)
    sizes.plan((10**6, 10**6), offered, wanted)  # what the model can do with no photo is refused before all else
    if strength != 1 and not enhance:
        raise ValueError("--strength is that of --enhance; give both")
    grading = run.grading(strength=strength) if enhance else None
    work = _Work(wanted, model, grading, limit, "enlarging", "enlarged")
    todo = _todo(photos, out, wanted.label(offered), format, skip_existing, overwrite, jobs, cluster, json)
    if todo is None:
        _pipe(photos[0], out or STREAM, overwrite, format, work)
    else:
        _do(todo, work, skip_existing, jobs, cluster, json)


@app.command()
def enhance(
    photos: PhotosArgument,
    out: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(
            "--out", "-o", help="A file for one photo, else a folder, or - [default: beside the photo, …-enhanced]"
        ),
    ] = None,
    model: Annotated[str, typer.Option("--model", "-m", help="enhance, or a file.")] = "enhance",
    cube: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(metavar="FILE", help="A .cube file to look colors up in, instead of a model."),
    ] = None,
    strength: StrengthOption = 1.0,
    match: Annotated[
        bool, typer.Option("--match", help="One table for all photos, as for those of one place.")
    ] = False,
    save_cube: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--save-cube", metavar="FILE", help="Write the table that was used, as .cube."),
    ] = None,
    explain: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(metavar="PNG", help="Draw what was done: table, weights, before and after. For one photo."),
    ] = None,
    limit: LimitOption = None,
    format: FormatOption = None,
    skip_existing: SkipOption = False,
    overwrite: OverwriteOption = False,
    jobs: JobsOption = None,
    cluster: ClusterOption = None,
    json: JsonOption = False,
) -> None:
    """Give photos better colors, or those of a .cube file."""
    from . import run, sizes
    from .color.grading import Grading

    if cube and model != "enhance":
        raise ValueError("--cube and --model contradict each other; give one of them")
    grading = run.grading(cube or model, strength)
    for file in (save_cube, explain):
        if file and file.exists() and not overwrite:
            raise FileExistsError(f"{file} is there already; give --overwrite")
    todo = _todo(photos, out, "enhanced", format, skip_existing, overwrite, jobs, cluster, json)
    if (match or save_cube or explain) and todo is None:
        raise ValueError("--match, --save-cube and --explain need photos that are files, not -")
    if explain and todo and len(todo) > 1:
        raise ValueError(f"--explain is for one photo, got {len(todo)}")
    if todo and (match or save_cube or explain):
        if len(todo) > 1 and not (match or cube):
            raise ValueError(f"{len(todo)} photos get a table each; give --match for one, or leave --save-cube out")
        look = run.common_look([job.source for job in todo], grading, limit)
        grading = Grading(look)
        if save_cube:
            look.lut.at_strength(look.strength).write(save_cube)
    work = _Work(sizes.TargetSize(scale=1), "balanced", grading, limit, "enhancing", "enhanced")
    if todo is None:
        _pipe(photos[0], out or STREAM, overwrite, format, work)
        return
    _do(todo, work, skip_existing, jobs, cluster, json)
    if explain:
        from .color.drawing import draw

        draw(todo[0].source, todo[0].target, run.look_of(todo[0].source, grading, limit), explain)


@app.command("list")
def list_models() -> None:
    """List the released models."""
    from . import models, run

    print(f"{'model':<10} {'scale':<6} {'id':<22} {'KiB':>5}")
    for name in (*models.NAMED, *models.OTHERS):
        for scale in models.SCALES:
            file = models.path(models.identifier(name, scale))
            shown = name if name in models.NAMED else "-"
            print(f"{shown:<10} {f'×{scale}':<6} {file.stem:<22} {file.stat().st_size / 1024:5.1f}")
    file = models.path(models.ENHANCE)
    print(f"{models.ENHANCE:<10} {'':<6} {run.load(models.ENHANCE).name:<22} {file.stat().st_size / 1024:5.1f}")


@app.command()
def train(
    network: Annotated[str, typer.Argument(metavar="ID", help="As eSR-TR_s2_K5_C4, or a recipe file, as my.py.")],
    data: Annotated[Path, typer.Option("--data", help="A folder of photos.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The checkpoint file, .safetensors.")],
    start: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(help="A checkpoint of the same network to begin with, in the place of random weights."),
    ] = None,
    steps: Annotated[Optional[int], typer.Option(help="Instead of the recipe's.")] = None,  # noqa: UP045
    seed: Annotated[Optional[int], typer.Option(help="Instead of the recipe's.")] = None,  # noqa: UP045
    optimizer: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(help="adam, soap or least-squares (networks of one layer), instead of the recipe's."),
    ] = None,
    loss: Annotated[Optional[str], typer.Option(help="mse, l1 or log-mse, instead of the recipe's.")] = None,  # noqa: UP045
    device: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(help="cpu, cuda, … [default: a GPU where there is one]"),
    ] = None,
    compiled: Annotated[
        bool, typer.Option("--compiled", help="Steps up to twice as fast by torch.compile; needs a C++ compiler.")
    ] = False,
    resume: Annotated[bool, typer.Option(help="Go on where an earlier run was interrupted.")] = True,
) -> None:
    """Train a network on a folder of photos."""
    import thinlens

    run = thinlens.train  # says so if torch is missing
    from .training import default_recipe, load_recipe

    recipe = load_recipe(network) if network.endswith(".py") else default_recipe(network)
    recipe = recipe.overridden(optimizer, steps, seed=seed, loss=loss)
    psnr = run(recipe, data, out, start=start, resume=resume, device=device, compiled=compiled)
    print(f"{out}: {recipe.id}, validation PSNR {psnr:.2f} dB")


@app.command()
def convert(
    checkpoint: Annotated[Path, typer.Argument(help="Of thinlens train, or a published file, as ID.model, or folder.")],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="PROGRAM", help="The program file, .safetensors.")],
    quantize: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(metavar="PHOTOS", help="A folder of photos to fit int8 layers to, for 8-bit pictures."),
    ] = None,
) -> None:
    """Make a program, which runs without torch, of a checkpoint."""
    import thinlens

    made = thinlens.convert(checkpoint, out, quantize=quantize)
    print(f"{out}: {made.name}, ×{made.scale}")


@app.command()
def evaluate(
    models: Annotated[list[str], typer.Argument(metavar="MODEL…", help="A preset, id or program file, or bicubic.")],
    data: Annotated[list[Path], typer.Option("--data", metavar="DIR…", help="Folders of pictures.")],
    scale: Annotated[
        Optional[int],  # noqa: UP045
        typer.Option("--scale", "-s", help="2, 3 or 4 [default: all three for a preset, else the model's own]"),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON, with the scores of each picture.")] = False,
) -> None:
    """Score models on folders of pictures: PSNR and SSIM."""
    import thinlens

    from .evaluation import report

    # click gives an option one value: the folders that follow it arrive among the models
    folders = [*data, *(Path(name) for name in models if Path(name).is_dir())]
    models = [name for name in models if not Path(name).is_dir()]
    scores = thinlens.evaluate(models, folders, scale=scale, progress=lambda line: print(line, file=sys.stderr))
    if json:
        print(report.to_json(scores))
    else:
        from rich.console import Console

        Console().print(report.table(scores))


@app.command()
def benchmark(
    models: Annotated[list[str], typer.Argument(metavar="MODEL", help="A preset, id or program file.")],
    size: Annotated[str, typer.Option(metavar="WxH", help="Of the picture to enlarge.")] = "1920x1080",
    against: Annotated[
        str, typer.Option(help="Other engines: opencv,onnxruntime,openvino,ncnn,opencv-dnn,torch.")
    ] = "",
    scale: ScaleOption = None,
    color: Annotated[bool, typer.Option("--color", help="RGB rather than luma.")] = False,
    threads: Annotated[Optional[int], typer.Option(help="[default: all]")] = None,  # noqa: UP045
    repeats: Annotated[int, typer.Option(help="Measured rounds.")] = 20,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure the speed of models, side by side with other engines."""
    import thinlens

    speed = thinlens.benchmark(
        models,
        scale=scale,
        size=_size(size),
        against=[name.strip() for name in against.split(",") if name.strip()],
        threads=threads,
        color=color,
        repeats=repeats,
        progress=lambda line: print(line, file=sys.stderr),
    )
    print(speed.to_json() if json else speed.markdown())


@dataclass(frozen=True)
class _Work:
    """What is done to each photo, and what that is called."""

    wanted: TargetSize
    model: str
    grading: Grading | None
    limit: float | None
    doing: str
    done: str


def _todo(
    photos: list[Path],
    out: Path | None,
    label: str,
    format: str | None,
    skip_existing: bool,
    overwrite: bool,
    jobs: int | None,
    cluster: str | None,
    json: bool,
) -> list[Job] | None:
    """Which photo becomes which; None for a pipe. Raises ValueError if options do not go together."""
    from .jobs import plan

    if skip_existing and overwrite:
        raise ValueError("--skip-existing and --overwrite contradict each other; give one of them")
    if cluster and jobs:
        raise ValueError("--jobs is for this machine; on a cluster every processor takes one photo at a time")
    if STREAM in (*photos, out):
        if len(photos) > 1 or json or cluster:
            raise ValueError("- stands for one photo; leave out the others, --json and --cluster")
        return None
    return plan(photos, out, label, format=format, may_exist=skip_existing or overwrite)


def _do(todo: list[Job], work: _Work, skip_existing: bool, jobs: int | None, cluster: str | None, json: bool) -> None:
    """Photo files, one, or many at a time, here or on a cluster."""
    from contextlib import redirect_stdout

    from . import batch, run

    options: dict[str, Any] = {"model": work.model, "limit": work.limit, "grading": work.grading}
    if len(todo) == 1 and not (json or cluster or skip_existing):
        batch.clean_targets(todo)
        _interruptible(run.upscale_file_to, todo[0].source, todo[0].target, work.wanted, **options)
        print(todo[0].target)
    elif cluster:
        from .cluster import upscale_files

        outcomes = upscale_files(todo, cluster, work.wanted, **options, skip_existing=skip_existing)
        results = sys.stdout
        with redirect_stdout(sys.stderr):  # for what Ray prints of lost workers
            _follow(outcomes, todo, work, json, results)
    else:
        outcomes = batch.upscale_files(todo, work.wanted, **options, skip_existing=skip_existing, workers=jobs)
        _follow(outcomes, todo, work, json, sys.stdout)


def _pipe(source: Path, target: Path, overwrite: bool, format: str | None, work: _Work) -> None:
    """From standard input or to standard output."""
    from .streams import upscale_stream

    if target == STREAM and sys.stdout.isatty():
        raise ValueError("a picture would fill the terminal with signs; give a file with -o, or a pipe")
    if target.exists() and not overwrite:
        raise FileExistsError(f"{target} is there already; give --overwrite")
    photo = sys.stdin.buffer if source == STREAM else source
    result = sys.stdout.buffer if target == STREAM else target
    options: dict[str, Any] = {"model": work.model, "limit": work.limit, "grading": work.grading}
    upscale_stream(photo, result, work.wanted, format=format, **options)


def _interruptible(call: Callable[..., object], *arguments: object, **options: object) -> None:
    """Call in another thread: libvips and Halide do not hear Ctrl-C, the main thread does."""
    from concurrent.futures import ThreadPoolExecutor

    try:
        ThreadPoolExecutor(1).submit(call, *arguments, **options).result()
    except KeyboardInterrupt:
        _stop("stopped")


def _follow(
    outcomes: Generator[Outcome, None, None], jobs: list[Job], work: _Work, as_json: bool, results: TextIO
) -> None:
    """Show how far the work is, and in the end, on `results`, what came of it.

    The exit code is 1 if any photo failed, 130 at Ctrl-C.
    """
    from json import dumps
    from time import perf_counter

    from rich.console import Console
    from rich.progress import track

    counts = dict.fromkeys(("done", "skipped", "failed"), 0)
    errors: list[str] = []
    start, stopped = perf_counter(), False
    try:
        for outcome in track(outcomes, work.doing, total=len(jobs), console=Console(stderr=True)):
            status = "failed" if outcome.error else "skipped" if outcome.skipped else "done"
            counts[status] += 1
            if as_json:
                files = {"photo": str(outcome.job.source), "result": str(outcome.job.target)}
                line = {**files, "status": status, "error": outcome.error, "seconds": outcome.seconds}
                print(dumps(line), file=results, flush=True)
            elif outcome.error:
                errors.append(outcome.error)
    except KeyboardInterrupt:
        stopped = True
        outcomes.close()
    for error in sorted(errors):
        print(f"thinlens: {error}", file=sys.stderr)
    if as_json:
        end = dumps({"photos": len(jobs), **counts, "stopped": stopped, "seconds": perf_counter() - start})
    else:
        there = f", {counts['skipped']} there already" if counts["skipped"] else ""
        end = f"{counts['done']} of {len(jobs)} photos {work.done}{there}, in {_places(jobs)}"
    print(end, file=results, flush=True)
    if stopped:
        _stop("stopped; --skip-existing goes on from here")
    if counts["failed"]:
        raise typer.Exit(1)


def _stop(message: str) -> NoReturn:
    """End at once, with nothing half-written left."""
    from .files import abandon

    print(f"thinlens: {message}", file=sys.stderr)
    sys.stdout.flush()
    sys.stderr.flush()
    abandon()
    os._exit(INTERRUPTED)


def _size(text: str) -> tuple[int, int]:
    width, cross, height = text.partition("x")
    if not (cross and width.isdecimal() and height.isdecimal()):
        raise ValueError(f"the size is WIDTHxHEIGHT, as 1920x1080, not {text!r}")
    return int(width), int(height)


def _places(jobs: list[Job]) -> str:
    """The folders of the results, without those that lie in others of them."""
    folders = {job.target.parent for job in jobs}
    return ", ".join(sorted(str(folder) for folder in folders if folders.isdisjoint(folder.parents)))


def _fail(error: Exception) -> NoReturn:
    from .batch import one_line
    from .photo import UnfinishedError

    refused = isinstance(error, OSError | ValueError | ImportError) and not isinstance(error, UnfinishedError)
    print(f"thinlens: {one_line(error)}", file=sys.stderr)
    sys.exit(2 if refused else 1)


if __name__ == "__main__":
    main()
