"""Photos that come and go through pipes: a stream is a file while it is enlarged."""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO

from . import run
from .jobs import suffix_of

NAMES = ("standard input", "standard output")


def upscale_stream(source: Path | BinaryIO, target: Path | BinaryIO, *, format: str | None = None, **how: Any) -> None:
    """Enlarge a photo from a file or binary stream into a file or binary stream.

    A stream as target needs a `format`, such as `png`, and gets the whole result or nothing. `how` is what
    `run.upscale_file` takes, and its errors are raised, with streams called standard input and output.
    """
    if not isinstance(target, Path) and format is None:
        raise ValueError("the result has no name to tell the format; give one, as --format png")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="thinlens-")))
        low = source if isinstance(source, Path) else folder / "low"
        high = target if isinstance(target, Path) else folder / f"high{suffix_of(format or '')}"
        if not isinstance(source, Path):
            with open(low, "wb") as file:
                shutil.copyfileobj(source, file)
        try:
            run.upscale_file(low, high, **how)
        except (OSError, ValueError) as error:
            if error.args and isinstance(error.args[0], str):
                for path, name in zip((folder / "low", high), NAMES, strict=True):
                    if path.parent == folder:
                        error.args = (error.args[0].replace(str(path), name), *error.args[1:])
            raise
        if not isinstance(target, Path):
            with open(high, "rb") as file:
                shutil.copyfileobj(file, target)
            target.flush()
