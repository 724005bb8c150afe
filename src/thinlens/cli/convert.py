"""`thinlens convert`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer


def convert(
    checkpoint: Annotated[Path, typer.Argument(help="Of thinlens train, or a published file, as ID.model, or folder.")],
    out: Annotated[Path, typer.Option("--out", "--output", "-o", metavar="PROGRAM", help="The program, .safetensors.")],
    quantize: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(metavar="PHOTOS", help="A folder of photos to fit int8 layers to, for 8-bit pictures."),
    ] = None,
    fine_tune: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(metavar="PHOTOS", help="A folder of photos to train the entries of tables on."),
    ] = None,
    source: Annotated[
        str, typer.Option(help="What the photos for int8 layers are made to go through first, as jpeg-low.")
    ] = "clean",
) -> None:
    """Make a program, which runs without torch, of a checkpoint."""
    import thinlens

    from ..data.compression import degree

    made = thinlens.convert(checkpoint, out, quantize=quantize, fine_tune=fine_tune, compression=degree(source))
    print(f"{out}: {made.name}, ×{made.scale}")
