"""`thinlens upscale`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from .options import (
    ClusterOption,
    DamagedOption,
    FormatOption,
    JobsOption,
    JsonOption,
    LimitOption,
    LosslessOption,
    OverwriteOption,
    PhotosArgument,
    QualityOption,
    QuietOption,
    SkipOption,
    SourceOption,
    StrengthOption,
    size_of,
)
from .work import STREAM, Work, do, pipe, todo_of


def upscale(
    photos: PhotosArgument,
    out: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(
            "--out",
            "--output",
            "-o",
            help="A file for one photo, else a folder, or - [default: …-x2, beside it]",
        ),
    ] = None,
    model: Annotated[
        str, typer.Option("--model", "-m", help="fast, balanced, fine, best, lut, an id or a file.")
    ] = "balanced",
    scale: Annotated[
        Optional[float],  # noqa: UP045
        typer.Option("--scale", "-s", help="How many times larger, up to 16 [default: 2, or the model's own]"),
    ] = None,
    size: Annotated[Optional[str], typer.Option(metavar="WxH", help="Exactly this size.")] = None,  # noqa: UP045
    width: Annotated[Optional[int], typer.Option(help="Pixels across, in proportion.")] = None,  # noqa: UP045
    height: Annotated[Optional[int], typer.Option(help="Pixels down, in proportion.")] = None,  # noqa: UP045
    fit: Annotated[Optional[str], typer.Option(metavar="WxH", help="The largest that fits into this.")] = None,  # noqa: UP045
    long_side: Annotated[Optional[int], typer.Option(help="Pixels along the longer side.")] = None,  # noqa: UP045
    source: SourceOption = "auto",
    enhance: Annotated[bool, typer.Option("--enhance", help="Better colors first, as thinlens enhance.")] = False,
    strength: StrengthOption = 1.0,
    limit: LimitOption = None,
    keep_damaged: DamagedOption = False,
    format: FormatOption = None,
    quality: QualityOption = None,
    lossless: LosslessOption = False,
    skip_existing: SkipOption = False,
    overwrite: OverwriteOption = False,
    jobs: JobsOption = None,
    cluster: ClusterOption = None,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Make photos larger."""
    from .. import run, sizes, sources
    from ..jobs import left_out
    from ..photo import Encoding

    wanted = sizes.TargetSize(
        scale, size_of(size) if size else None, width, height, size_of(fit) if fit else None, long_side
    )
    offered = run.scales(model)
    sizes.plan((10**6, 10**6), offered, wanted)  # what the model can do with no photo is refused before all else
    sources.asked(source)
    if strength != 1 and not enhance:
        raise ValueError("--strength is that of --enhance; give both")
    grading = run.grading(strength=strength) if enhance else None
    encoding = Encoding(quality, lossless)
    work = Work(wanted, model, grading, limit, source, "enlarging", "enlarged", keep_damaged, encoding, quiet)
    todo = todo_of(photos, out, wanted.label(offered), format, skip_existing, overwrite, jobs, cluster, json, encoding)
    if todo is None:
        pipe(photos[0], Path(out) if out else STREAM, overwrite, format, work)
    else:
        do(todo, work, skip_existing, jobs, cluster, json, left_out(photos, out))
