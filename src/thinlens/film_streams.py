"""Films that come and go through pipes: raw frames go out as they are made, a film that comes in is a file first."""

from __future__ import annotations

import shutil
from collections.abc import Generator, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO

from .films import EXTRA, Options, enlarger, plan_of, upscale_film
from .sources import asked


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
    try:
        from .video import Making, Settings, layout_of, open_film, open_pipe, y4m
        from .video.film import frames
    except ModuleNotFoundError:
        raise ImportError(EXTRA) from None

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
        if options.deinterlace:
            raise ValueError("--deinterlace takes a file, not a pipe")
    if film.interlaced and not options.deinterlace:
        raise ValueError(f"{film.path} is interlaced: enlarging fields would tear them; give --deinterlace")
    format = options.pixel_format or film.layout.name
    settings = Settings("", {}, format, 1)
    plan, choice, size = plan_of(film, options, asked(options.source), settings)
    making = Making(film, size, settings, film.tags, options.deinterlace)
    first = y4m.header(film, layout_of(format), size)
    enlarge = enlarger(making, plan, choice, options.model)
    larger = _enlarged(_part(shown, options, float(film.time_base)), making, enlarge)
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


def _enlarged(shown: Iterator[tuple[int, Any]], making: Any, enlarge: Any) -> Generator[Any, None, None]:
    from .video import layout_of
    from .video.frames import planes
    from .video.making import larger
    from .video.threads import threaded

    layout = layout_of(making.settings.format)
    made = threaded(larger(threaded(shown), making, enlarge))
    try:
        for _, frame in made:
            converted = frame if frame.format.name == layout.name else frame.reformat(format=layout.name)
            yield planes(converted, layout)
    finally:
        made.close()
