"""One segment: decoded, enlarged, encoded, each in a thread of its own."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeAlias

from .encoding import Settings, open_encoder
from .film import Film, frames
from .frames import Plane, empty, planar, planes
from .segments import Segment, writing
from .tags import Tags
from .threads import threaded

Enlarge: TypeAlias = Callable[[list[Plane], list[Plane]], None]
"""Fills the planes of a frame, its second argument, with those of another, enlarged."""
Regrade: TypeAlias = Callable[[int, list[Plane], list[Plane]], None]
"""Fills the planes of a frame with those of another of its size, shown at a time in ticks, in other colors."""


@dataclass(frozen=True)
class Making:
    """All that segments of a film are made by."""

    film: Film
    size: tuple[int, int]
    settings: Settings
    tags: Tags
    deinterlace: bool = False


def enlarged(
    making: Making, enlarge: Enlarge, begin: int | None, end: int | None, regrade: Regrade | None = None
) -> Generator[tuple[int, Any], None, None]:
    """The frames of a part of a film, enlarged, in the source's planar format, with their times in ticks."""
    return changed(frames(making.film, begin, end, making.deinterlace), making, enlarge, regrade)


def changed(
    decoded: Iterator[tuple[int, Any]], making: Making, enlarge: Enlarge, regrade: Regrade | None = None
) -> Generator[tuple[int, Any], None, None]:
    """The same of frames that come from anywhere: decoding, other colors and enlarging each in a thread of its own."""
    shown = threaded(decoded)
    if regrade is not None:
        shown = threaded(regraded(shown, making, regrade))
    return threaded(larger(shown, making, enlarge))


def regraded(
    decoded: Generator[tuple[int, Any], None, None], making: Making, regrade: Regrade
) -> Generator[tuple[int, Any], None, None]:
    """Frames in other colors, one after the other."""
    layout, (width, height) = making.film.layout, making.film.size
    try:
        for ticks, frame in decoded:
            result = empty(layout, width, height)
            regrade(ticks, planes(planar(frame, layout), layout), planes(result, layout))
            yield ticks, result
    finally:
        decoded.close()


def larger(
    decoded: Generator[tuple[int, Any], None, None], making: Making, enlarge: Enlarge
) -> Generator[tuple[int, Any], None, None]:
    """Frames enlarged, one after the other."""
    layout = making.film.layout
    try:
        for ticks, frame in decoded:
            result = empty(layout, *making.size)
            source = planar(frame, layout)
            enlarge(planes(source, layout), planes(result, layout))
            yield ticks, result
    finally:
        decoded.close()


def moment(
    making: Making, enlarge: Enlarge, begin: int, regrade: Callable[[list[Plane]], Regrade] | None = None
) -> tuple[Any, Any]:
    """The frame at a time, in ticks: enlarged by interpolation, and as `enlarge` does; each `(H, W, 3)` uint8 RGB.

    The second gets other colors by what `regrade` makes of its planes. Raises ValueError if the film ends before.
    """
    film, (width, height) = making.film, making.size
    shown = frames(film, begin, None, making.deinterlace)
    try:
        ticks, frame = next(shown, (0, None))
        if frame is None:
            raise ValueError(f"{film.path} is over by then; give an earlier second")
        source, result = planar(frame, film.layout), empty(film.layout, width, height)
        graded = source if regrade is None else empty(film.layout, *film.size)
        if regrade is not None:
            found = planes(source, film.layout)
            regrade(found)(ticks, found, planes(graded, film.layout))
        enlarge(planes(graded, film.layout), planes(result, film.layout))
    finally:
        shown.close()
    pictures: list[Any] = []
    for each in (source, result):
        each.colorspace, each.color_range = making.tags.matrix, making.tags.range
        pictures.append(each.reformat(width, height, "rgb24", interpolation="BICUBIC").to_ndarray())
    return pictures[0], pictures[1]


def make(
    making: Making,
    enlarge: Enlarge,
    segments: list[Segment],
    place: Callable[[Segment], Path],
    progress: Callable[[int], None] = lambda _: None,
    partial: bool = False,
    regrade: Regrade | None = None,
) -> None:
    """Make segments that follow each other, each as a file of its own; `progress` is told how many frames were made.

    With `partial`, damage ends the segment that it lies in, which is then made of what was before it; the error is
    raised in any case.
    """
    shown = enlarged(making, enlarge, segments[0].begin, segments[-1].end, regrade)
    try:
        item = next(shown, None)
        for segment in segments:
            damage: Exception | None = None
            with writing(place(segment)) as writer:
                encoder = encoder_of(making)
                count = 0
                while item is not None and item[0] < segment.end:
                    for packet in encoder.encode(_encodable(making, *item)):
                        writer.write(packet)
                    count += 1
                    progress(1)
                    try:
                        item = next(shown, None)
                    except ValueError as error:
                        if not partial:
                            raise
                        damage, item = error, None
                if count == 0:
                    from .film import DamagedError

                    at = float(segment.begin * making.film.time_base)
                    raise DamagedError(f"{making.film.path} is damaged: no frame from {at:.2f} s on can be decoded", at)
                for packet in encoder.encode(None):
                    writer.write(packet)
                writer.end(encoder.extradata)
            if damage is not None:
                raise damage
    finally:
        shown.close()


def encoder_of(making: Making) -> Any:
    """The encoder for a segment, opened. Raises ValueError if it does not take the settings."""
    return open_encoder(making.settings, making.tags, making.size, making.film.time_base, making.film.rate)


def _encodable(making: Making, ticks: int, frame: Any) -> Any:
    if frame.format.name != making.settings.format:
        frame = frame.reformat(format=making.settings.format)
    frame.pts, frame.time_base = ticks, Fraction(making.film.time_base)
    tags = making.tags
    frame.color_range, frame.colorspace = tags.range, tags.matrix
    frame.color_primaries, frame.color_trc = tags.primaries, tags.transfer
    return frame
