"""Films that come and go through pipes: raw frames go out as they are made, a film that comes in is a file first."""

from __future__ import annotations

import shutil
from collections.abc import Generator, Iterator
from math import ceil, floor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO

from . import run
from .films import Options, check_installed, enlarger, find_shots, plan_of, regrader, upscale_film
from .sources import asked
from .video import Enlarge, Film, Making, Regrade, Settings, layout_of, open_film, open_pipe, y4m
from .video.film import frames
from .video.frames import planes
from .video.making import changed


def upscale_stream(original: Path | BinaryIO, target: Path | BinaryIO, options: Options) -> None:
    """Enlarge a film from a file or binary stream into a file or binary stream.

    A stream as target gets YUV4MPEG2, the pictures alone, each as soon as it is made; so a player may show them.
    Options of encoders have no meaning there. All else is as in `films.upscale_film`, whose errors are raised;
    BrokenPipeError when nobody reads any more.
    """
    if isinstance(target, Path):
        if isinstance(original, Path):
            upscale_film(original, target, options)
            return
        with TemporaryDirectory(prefix="thinlens-") as name:
            spooled = Path(name) / "film"
            with open(spooled, "wb") as file:
                shutil.copyfileobj(original, file)
            try:
                upscale_film(spooled, target, options)
            except (OSError, ValueError) as error:
                if error.args and isinstance(error.args[0], str):
                    error.args = (error.args[0].replace(str(spooled), "standard input"), *error.args[1:])
                raise
        return
    _to_stream(original, target, options)


def _to_stream(original: Path | BinaryIO, target: BinaryIO, options: Options) -> None:
    check_installed()
    given = {"--codec": options.codec, "--encoder": options.encoder, "--crf": options.crf, "--preset": options.preset}
    ignored = [name for name, value in given.items() if value is not None]
    if ignored:
        raise ValueError(f"raw frames are not encoded: leave out {', '.join(ignored)}")
    if isinstance(original, Path):
        film = open_film(original)
        begin = None
        shown: Iterator[tuple[int, Any]] = frames(film, begin, None, options.deinterlace)
    else:
        film, shown = open_pipe(original)
        if options.deinterlace or options.enhance is not None:
            raise ValueError("--deinterlace and --enhance take a file, not a pipe: shots are found before")
    if film.interlaced and not options.deinterlace:
        raise ValueError(f"{film.path} is interlaced: enlarging fields would tear them; give --deinterlace")
    format = options.pixel_format or film.layout.name
    settings = Settings("", {}, format, 1)
    plan, choice, size = plan_of(film, options, asked(options.source), settings)
    making = Making(film, size, settings, film.tags, options.deinterlace)
    first = y4m.header(film, layout_of(format), size)
    enlarge = enlarger(making, plan, choice, options.model)
    regrade = None
    if options.enhance is not None:
        grading = run.grading(strength=options.enhance)
        regrade = regrader(making, grading, find_shots(film, grading, *_bounds(film, options)))
    larger = _enlarged(_part(shown, options, float(film.time_base)), making, enlarge, regrade)
    try:
        y4m.write(target, first, larger)
    finally:
        larger.close()


def _part(shown: Iterator[tuple[int, Any]], options: Options, tick: float) -> Iterator[tuple[int, Any]]:
    """The frames from the start on, as long as asked for."""
    zero: float | None = None
    begin = options.start or 0.0
    end = float("inf") if options.duration is None else begin + options.duration
    for ticks, frame in shown:
        zero = ticks * tick if zero is None else zero
        at = ticks * tick - zero
        if at >= end:
            return
        if at >= begin:
            yield ticks, frame


def _bounds(film: Film, options: Options) -> tuple[int | None, int | None]:
    """The times in ticks between which frames of a file are wanted."""
    first, begin = film.times.frames[0], options.start or 0.0
    end = None if options.duration is None else begin + options.duration
    return first + floor(begin / film.time_base), None if end is None else first + ceil(end / film.time_base)


def _enlarged(
    shown: Iterator[tuple[int, Any]], making: Making, enlarge: Enlarge, regrade: Regrade | None
) -> Generator[Any, None, None]:
    layout = layout_of(making.settings.format)
    made = changed(shown, making, enlarge, regrade)
    try:
        for _, frame in made:
            converted = frame if frame.format.name == layout.name else frame.reformat(format=layout.name)
            yield planes(converted, layout)
    finally:
        made.close()
