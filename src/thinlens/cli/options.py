"""Options that several verbs have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from ..models import SOURCES

ScaleOption = Annotated[
    Optional[int],  # noqa: UP045, Typer reads it at run time, on Python 3.10 too
    typer.Option("--scale", "-s", help="How many times larger: 2, 3 or 4 [default: 2, or the model's own]"),
]

PhotosArgument = Annotated[
    list[Path],
    typer.Argument(metavar="PHOTO", help="Photos, folders with all below, patterns as 'a/**/*.jpg', or -."),
]
LimitOption = Annotated[Optional[float], typer.Option(help="The most megapixels a picture may have.")]  # noqa: UP045
DamagedOption = Annotated[bool, typer.Option("--keep-damaged", help="Take what can be read of damaged photos.")]
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
SourceOption = Annotated[
    str, typer.Option(help=f"What the photos have been through: {', '.join(SOURCES)}, or auto, to be found out.")
]
QualityOption = Annotated[
    Optional[int],  # noqa: UP045
    typer.Option(metavar="1…100", help="Of JPEG and WebP [default: 95] and AVIF [default: 85]."),
]
LosslessOption = Annotated[bool, typer.Option("--lossless", help="WebP and AVIF without loss.")]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")]
StrengthOption = Annotated[float, typer.Option(help="How much of the change of colors is done, from 0 to 1.")]


def size_of(text: str) -> tuple[int, int]:
    """Width and height of `WxH`. Raises ValueError for any other text."""
    width, cross, height = text.lower().replace("×", "x").partition("x")
    if not (cross and width.isdecimal() and height.isdecimal()):
        raise ValueError(f"the size is WIDTHxHEIGHT, as 1920x1080, not {text!r}")
    return int(width), int(height)
