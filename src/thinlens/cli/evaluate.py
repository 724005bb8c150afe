"""`thinlens evaluate`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Optional

import typer

from ..models import SOURCES


def evaluate(
    models: Annotated[list[str], typer.Argument(metavar="MODEL…", help="A preset, id or program file, or bicubic.")],
    data: Annotated[list[Path], typer.Option("--data", metavar="DIR…", help="Folders of pictures.")],
    scale: Annotated[
        Optional[int],  # noqa: UP045
        typer.Option("--scale", "-s", help="2, 3 or 4, or 1 for JPEG [default: 2 to 4 for a preset, else its own]"),
    ] = None,
    jpeg: Annotated[
        Optional[int],  # noqa: UP045
        typer.Option(help="Enlarge JPEG files of this quality, 1 to 100, in the place of clean pictures."),
    ] = None,
    source: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(help=f"What weights are taken: those for {', '.join(SOURCES)}, or auto [default: auto for JPEG]"),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON, with the scores of each picture.")] = False,
) -> None:
    """Score models on folders of pictures: PSNR and SSIM."""
    import thinlens

    from ..evaluation import report

    # click gives an option one value: the folders that follow it arrive among the models
    folders = [*data, *(Path(name) for name in models if Path(name).is_dir())]
    models = [name for name in models if not Path(name).is_dir()]
    scores = thinlens.evaluate(
        *(models, folders),
        scale=scale,
        jpeg=jpeg,
        source=source,
        progress=lambda line: print(line, file=sys.stderr),
    )
    if json:
        print(report.to_json(scores))
    else:
        from rich.console import Console

        Console().print(report.table(scores))
