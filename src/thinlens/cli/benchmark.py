"""`thinlens benchmark`."""

from __future__ import annotations

import sys
from typing import Annotated, Optional

import typer

from .options import ScaleOption, size_of


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
        size=size_of(size),
        against=[name.strip() for name in against.split(",") if name.strip()],
        threads=threads,
        color=color,
        repeats=repeats,
        progress=lambda line: print(line, file=sys.stderr),
    )
    print(speed.to_json() if json else speed.markdown())
