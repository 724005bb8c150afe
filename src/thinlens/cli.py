"""The command `thinlens`: verbs in the order of the flow. Python users can call all that they do."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn, Optional

import typer

# Everything else is imported where it is used, so that `thinlens --help` is there at once.
if TYPE_CHECKING:
    from .batch import Job

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


def main() -> None:
    """Run the command; what goes wrong is told in one line, with exit code 2, or 1 where it broke off half-way."""
    try:
        app()
    except Exception as error:
        _fail(error)


@app.callback(invoke_without_command=True)
def version(
    shown: Annotated[bool, typer.Option("--version", help="Show the version and exit.", is_eager=True)] = False,
) -> None:
    if shown:
        import thinlens

        print(f"thinlens {thinlens.__version__}")
        raise typer.Exit


@app.command()
def upscale(
    photos: Annotated[list[Path], typer.Argument(metavar="PHOTO", help="JPEG, PNG, WebP or TIFF, or folders.")],
    out: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--out", "-o", help="A file for one photo, else a folder [default: beside the photo, …-x2]"),
    ] = None,
    scale: ScaleOption = None,
    model: Annotated[str, typer.Option("--model", "-m", help="fast, balanced, fine, an id or a file.")] = "balanced",
) -> None:
    """Make photos larger."""
    from . import batch, run

    loaded = run.load(model, scale)
    jobs = batch.plan(photos, out, loaded.scale)
    if len(jobs) == 1:
        run.upscale_file(jobs[0].source, jobs[0].target, model=loaded)
        print(jobs[0].target)
        return
    from rich.console import Console
    from rich.progress import track

    outcomes = track(
        batch.upscale_files(jobs, model=loaded), "enlarging", total=len(jobs), console=Console(stderr=True)
    )
    failed = [outcome.error for outcome in outcomes if outcome.error]
    for error in failed:
        print(f"thinlens: {error}", file=sys.stderr)
    print(f"{len(jobs) - len(failed)} of {len(jobs)} photos enlarged, in {_places(jobs)}")
    if failed:
        raise typer.Exit(1)


@app.command("list")
def list_models() -> None:
    """List the released models."""
    from . import models

    print(f"{'model':<10} {'scale':<6} {'id':<20} {'KiB':>5}")
    for preset in models.PRESETS:
        for scale in models.SCALES:
            file = models.path(preset, scale)
            print(f"{preset:<10} {f'×{scale}':<6} {file.stem:<20} {file.stat().st_size / 1024:5.1f}")


@app.command()
def train(
    network: Annotated[str, typer.Argument(metavar="ID", help="As eSR-TR_s2_K5_C4, or a recipe file, as my.py.")],
    data: Annotated[Path, typer.Option("--data", help="A folder of photos.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The checkpoint file, .safetensors.")],
    steps: Annotated[Optional[int], typer.Option(help="Instead of the recipe's.")] = None,  # noqa: UP045
    seed: Annotated[Optional[int], typer.Option(help="Instead of the recipe's.")] = None,  # noqa: UP045
    optimizer: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(help="adam or least-squares (networks of one layer), instead of the recipe's."),
    ] = None,
    loss: Annotated[Optional[str], typer.Option(help="mse, l1 or log-mse, instead of the recipe's.")] = None,  # noqa: UP045
    device: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(help="cpu, cuda, … [default: a GPU where there is one]"),
    ] = None,
    resume: Annotated[bool, typer.Option(help="Go on where an earlier run was interrupted.")] = True,
) -> None:
    """Train a network on a folder of photos."""
    import dataclasses

    import thinlens

    run = thinlens.train  # says so if torch is missing
    from .train import default_recipe, load_recipe

    recipe = load_recipe(network) if network.endswith(".py") else default_recipe(network)
    settings = {"steps": steps, "seed": seed, "optimizer": optimizer, "loss": loss}
    options = {name: value for name, value in settings.items() if value is not None}
    psnr = run(dataclasses.replace(recipe, **options), data, out, resume=resume, device=device)
    print(f"{out}: {recipe.id}, validation PSNR {psnr:.2f} dB")


@app.command()
def convert(
    checkpoint: Annotated[Path, typer.Argument(help="Of thinlens train, or a published one, as ID.model.")],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="PROGRAM", help="The program file, .safetensors.")],
) -> None:
    """Make a program, which runs without torch, of a checkpoint."""
    import thinlens

    made = thinlens.convert(checkpoint, out)
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

    from .evaluate import report

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
    against: Annotated[str, typer.Option(help="Other engines: opencv,onnxruntime,openvino,torch.")] = "",
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


def _size(text: str) -> tuple[int, int]:
    width, cross, height = text.partition("x")
    if not (cross and width.isdecimal() and height.isdecimal()):
        raise ValueError(f"the size is WIDTHxHEIGHT, as 1920x1080, not {text!r}")
    return int(width), int(height)


def _places(jobs: list[Job]) -> str:
    return ", ".join(sorted({str(job.target.parent) for job in jobs}))


def _fail(error: Exception) -> NoReturn:
    from .batch import one_line
    from .photo import UnfinishedError

    refused = isinstance(error, OSError | ValueError | ImportError) and not isinstance(error, UnfinishedError)
    print(f"thinlens: {one_line(error)}", file=sys.stderr)
    sys.exit(2 if refused else 1)


if __name__ == "__main__":
    main()
