"""Segments: decoded, enlarged, encoded and written, each in a thread of its own."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeAlias

from .encoding import Settings, open_encoder
from .film import DamagedError, Film, frames
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
        parts = _Parts(shown, partial)
        for segment in segments:
            with writing(place(segment)) as writer:
                encoder = encoder_of(making)
                packets = threaded(_encoded(encoder, making, parts.until(segment.end), progress))
                try:
                    for packet in packets:
                        writer.write(packet)
                finally:
                    packets.close()
                if parts.taken == 0:
                    at = float(segment.begin * making.film.time_base)
                    raise DamagedError(f"{making.film.path} is damaged: no frame from {at:.2f} s on can be decoded", at)
                writer.end(encoder.extradata)
            if parts.damage is not None:
                raise parts.damage
    finally:
        shown.close()


class _Parts:
    """Frames of segments that follow each other, segment by segment; with `partial`, damage ends them."""

    def __init__(self, shown: Generator[tuple[int, Any], None, None], partial: bool) -> None:
        self._shown, self._partial = shown, partial
        self._next = next(shown, None)
        self.taken = 0
        self.damage: ValueError | None = None

    def until(self, end: int) -> Generator[tuple[int, Any], None, None]:
        """The frames before a time, in ticks; `taken` is how many there were."""
        self.taken = 0
        while self._next is not None and self._next[0] < end:
            self.taken += 1
            yield self._next
            try:
                self._next = next(self._shown, None)
            except ValueError as error:
                if not self._partial:
                    raise
                self.damage, self._next = error, None


def _encoded(
    encoder: Any, making: Making, shown: Generator[tuple[int, Any], None, None], progress: Callable[[int], None]
) -> Generator[Any, None, None]:
    """The packets of frames, to the last that the encoder holds back."""
    item = None
    for item in shown:
        yield from encoder.encode(_encodable(making, *item))
        progress(1)
    if item is not None:
        yield from encoder.encode(None)


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
