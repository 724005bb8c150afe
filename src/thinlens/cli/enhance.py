"""`thinlens enhance`."""

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
    StrengthOption,
)
from .work import STREAM, Work, do, pipe, todo_of


def enhance(
    photos: PhotosArgument,
    out: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(
            "--out",
            "--output",
            "-o",
            help="A file for one photo, else a folder, or - [default: …-enhanced, beside it]",
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
    """Give photos better colors, or those of a .cube file."""
    from .. import run, sizes
    from ..color.grading import Grading
    from ..jobs import left_out
    from ..photo import Encoding

    if cube and model != "enhance":
        raise ValueError("--cube and --model contradict each other; give one of them")
    grading = run.grading(cube or model, strength)
    for file in (save_cube, explain):
        if file and file.exists() and not overwrite:
            raise FileExistsError(f"{file} is there already; give --overwrite")
    encoding = Encoding(quality, lossless)
    todo = todo_of(photos, out, "enhanced", format, skip_existing, overwrite, jobs, cluster, json, encoding)
    if (match or save_cube or explain) and todo is None:
        raise ValueError("--match, --save-cube and --explain need photos that are files, not -")
    if explain and todo and len(todo) > 1:
        raise ValueError(f"--explain is for one photo, got {len(todo)}")
    if todo and (match or save_cube or explain):
        if len(todo) > 1 and not (match or cube):
            raise ValueError(f"{len(todo)} photos get a table each; give --match for one, or leave --save-cube out")
        look = run.common_look([job.source for job in todo], grading, limit, keep_damaged)
        grading = Grading(look)
        if save_cube:
            look.lut.at_strength(look.strength).write(save_cube)
    wanted = sizes.TargetSize(scale=1)
    work = Work(*(wanted, "balanced", grading, limit, "clean", "enhancing", "enhanced"), keep_damaged, encoding, quiet)
    if todo is None:
        pipe(photos[0], Path(out) if out else STREAM, overwrite, format, work)
        return
    do(todo, work, skip_existing, jobs, cluster, json, left_out(photos, out))
    if explain:
        from ..color.drawing import draw

        draw(todo[0].source, todo[0].target, run.look_of(todo[0].source, grading, limit, keep_damaged), explain)
