"""Photos that come and go through pipes: a stream is a file while it is enlarged."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, BinaryIO

from . import run
from .jobs import suffix_of
from .run import Model
from .sizes import DEFAULT, TargetSize
from .sources import AUTO

if TYPE_CHECKING:
    from .color.grading import Grading
    from .photo import Encoding

NAMES = ("standard input", "standard output")


def upscale_stream(
    original: Path | BinaryIO,
    target: Path | BinaryIO,
    wanted: TargetSize = DEFAULT,
    *,
    format: str | None = None,
    model: Model = "balanced",
    limit: float | None = None,
    grading: Grading | None = None,
    source: str = AUTO,
    keep_damaged: bool = False,
    encoding: Encoding | None = None,
) -> run.Done:
    """Enlarge a photo from a file or binary stream into a file or binary stream.

    A stream as target needs a `format`, such as `png`, and gets the whole result or nothing. All else is as in
    `run.upscale_file_to`, whose errors are raised, with streams called standard input and output.
    """
    if not isinstance(target, Path) and format is None:
        raise ValueError("the result has no name to tell the format; give one, as --format png")
    with TemporaryDirectory(prefix="thinlens-") as name:
        folder = Path(name)
        photo = original if isinstance(original, Path) else folder / "photo"
        result = target if isinstance(target, Path) else folder / f"result{suffix_of(format or '')}"
        if not isinstance(original, Path):
            with open(photo, "wb") as file:
                shutil.copyfileobj(original, file)
        try:
            done = run.upscale_file_to(
                *(photo, result, wanted),
                model=model,
                limit=limit,
                grading=grading,
                source=source,
                keep_damaged=keep_damaged,
                encoding=encoding,
            )
        except (OSError, ValueError) as error:
            if error.args and isinstance(error.args[0], str):
                error.args = (_called(error.args[0], folder, result), *error.args[1:])
            raise
        done = replace(done, notes=tuple(_called(note, folder, result) for note in done.notes))
        if not isinstance(target, Path):
            with open(result, "rb") as file:
                shutil.copyfileobj(file, target)
            target.flush()
    return done


def _called(text: str, folder: Path, result: Path) -> str:
    """A sentence with files of the folder called what they stand for."""
    for path, stream in zip((folder / "photo", result), NAMES, strict=True):
        if path.parent == folder:
            text = text.replace(str(path), stream)
    return text
