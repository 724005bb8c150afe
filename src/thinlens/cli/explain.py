"""`thinlens explain`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer


def explain(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A preset, an id, a program file or a checkpoint.")],
    photo: Annotated[
        Optional[Path],  # noqa: UP045, Typer reads it at run time, on Python 3.10 too
        typer.Argument(metavar="[PHOTO]", help="To see what is taken where."),
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="PAGE", help="A page, .html or .png.")] = Path(
        "explain.html"
    ),
    scale: Annotated[Optional[int], typer.Option("--scale", "-s", help="Of a preset [default: 2].")] = None,  # noqa: UP045
    place: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(metavar="X,Y", help="Where to look at feature maps [default: where the photo is liveliest]"),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a file that is there already.")] = False,
) -> None:
    """Draw why a network works: its templates and which wins where, its branches, tables or feature maps."""
    import thinlens

    if out.exists() and not overwrite:
        raise FileExistsError(f"{out} is there already; give --overwrite")
    at: tuple[int, int] | None = None
    if place is not None:
        x, comma, y = place.partition(",")
        if not (comma and x.isdecimal() and y.isdecimal()):
            raise ValueError(f"a place is X,Y, as 120,80, not {place!r}")
        at = int(x), int(y)
    thinlens.explain(model, out, photo, scale=scale, place=at)
    print(out)
