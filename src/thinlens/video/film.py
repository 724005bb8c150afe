"""A film file as it is found: its pictures, the times of its frames, and what it says of them."""

from __future__ import annotations

import os
from bisect import bisect_left, bisect_right
from collections.abc import Generator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import chain
from typing import Any, TypeAlias

from .frames import Layout, layout_of
from .tags import Tags, quantizer, read_headers, tags_of
from .threads import threaded

PROGRESSIVE = (0, 1)
"""Codes of the field order of films without fields: unknown and progressive."""
DAMAGE = "is damaged"
Y4M = b"YUV4MPEG2"
PACKETS = 16
"""Packets that are read ahead of decoding."""
Source: TypeAlias = str | os.PathLike[str]


class DamagedError(ValueError):
    """A film that cannot be read on; `at` is the time of the last frame before the damage, in seconds."""

    def __init__(self, message: str, at: float | None = None) -> None:
        super().__init__(message)
        self.at = at


@dataclass(frozen=True)
class Times:
    """The times of the frames in ticks of the time base, in the order shown, and of those that decoding may begin at.

    Where a container gives no times to frames (`timed` is false), those are of decoding, one for each frame.
    """

    frames: list[int] = field(repr=False)
    keys: list[int] = field(repr=False)
    timed: bool
    last: int
    """How long the last frame is shown, in ticks."""

    def ends(self, index: int) -> int:
        """When a frame ends: with the next, or after the time of the last."""
        return self.frames[index + 1] if index + 1 < len(self.frames) else self.frames[index] + self.last


@dataclass(frozen=True)
class Film:
    """What is known of a film before it is decoded; `stream` is the index of the stream to enlarge."""

    path: str
    stream: int
    codec: str
    size: tuple[int, int]
    layout: Layout
    time_base: Fraction
    rate: Fraction
    interlaced: bool
    tags: Tags
    quantizer: float | None
    bit_rate: float | None
    times: Times = field(repr=False)


def open_film(path: Source) -> Film:
    """Read what a film is. Raises OSError or ValueError, in a sentence, if it cannot be read or holds no pictures."""
    import av
    import av.error

    path = os.fspath(path)
    if not os.path.isfile(path):  # noqa: PTH113
        raise FileNotFoundError(f"{path} is a folder, not a film" if os.path.isdir(path) else f"{path} does not exist")  # noqa: PTH112
    try:
        with av.open(path, metadata_errors="ignore") as container:
            video = picture_stream(container)
            if video is None:
                raise ValueError(f"{path} holds no film: no stream of pictures")
            frame = next(_decoded(container, video), None)
            if frame is None:
                raise DamagedError(f"{path} {DAMAGE}: no frame of it can be decoded")
            film = _described(path, video, frame, read_headers(path, video.index), Times([], [], False, 1))
        times = _times(path, film.stream, film.rate, film.time_base)
    except av.error.FFmpegError as error:
        raise DamagedError(f"{path} cannot be read as a film: {_reason(error)}") from None
    except UnicodeError:
        raise DamagedError(f"{path} {DAMAGE}: its texts cannot be read") from None
    if not times.frames:
        raise DamagedError(f"{path} {DAMAGE}: none of its frames has a time")
    with open(path, "rb") as file:
        head = file.read(256)
    if head.startswith(Y4M):
        film = replace(film, tags=replace(film.tags, location=_y4m_location(head)))
    return replace(film, times=times)


def open_pipe(pipe: Any) -> tuple[Film, Generator[tuple[int, Any], None, None]]:
    """What a film is that comes through a pipe, and its frames with their times in ticks; it is read only once.

    Its first frames decide, and no times are known before they come. Raises ValueError if it holds no pictures.
    """
    import av
    import av.error

    head = pipe.peek(256) if hasattr(pipe, "peek") else b""
    try:
        container = av.open(pipe, "r", metadata_errors="ignore")
        video = picture_stream(container)
        if video is None:
            raise ValueError("standard input holds no film: no stream of pictures")
        decoded = _decoded(container, video)
        frame = next(decoded, None)
    except av.error.FFmpegError as error:
        raise DamagedError(f"standard input cannot be read as a film: {_reason(error)}") from None
    if frame is None:
        raise DamagedError(f"standard input {DAMAGE}: no frame of it can be decoded")
    film = _described("standard input", video, frame, {}, Times([], [], False, 1))
    if head.startswith(Y4M):
        film = replace(film, tags=replace(film.tags, location=_y4m_location(head)))
    return film, _numbered(frame, decoded, film, container)


def _numbered(
    first: Any, decoded: Generator[Any, None, None], film: Film, container: Any
) -> Generator[tuple[int, Any], None, None]:
    import av.error

    step = max(1, round(1 / (film.rate * film.time_base)))
    ticks = 0
    try:
        for count, frame in enumerate(chain([first], decoded)):
            ticks = count * step if frame.pts is None else frame.pts
            yield ticks, frame
    except av.error.FFmpegError as error:
        at = _seconds(film, ticks)
        raise DamagedError(f"{film.path} {DAMAGE} after {at:.2f} s: {_reason(error)}", at) from None
    finally:
        container.close()


def _y4m_location(head: bytes) -> str:
    """Where chroma lies by the first line of a y4m stream; without a word it is in the middle."""
    spaces = [word[1:] for word in head.partition(b"\n")[0].split(b" ")[1:] if word[:1] == b"C"]
    return {b"420mpeg2": "left", b"420paldv": "topleft"}.get(spaces[0] if spaces else b"", "center")


def _described(path: str, video: Any, frame: Any, headers: dict[str, list[int]], times: Times) -> Film:
    context = video.codec_context
    rate = video.average_rate or video.guessed_rate or video.base_rate or Fraction(25)
    interlaced = getattr(context, "field_order", 0) not in PROGRESSIVE or frame.interlaced_frame
    size, layout = (frame.width, frame.height), layout_of(frame.format.name)
    tags, base = tags_of(video, frame, headers), video.time_base or 1 / rate
    basics = (path, video.index, context.name, size, layout, base, rate, interlaced, tags)
    return Film(*basics, quantizer(headers), video.bit_rate, times)


def picture_stream(container: Any) -> Any:
    """The first stream of pictures that is no cover; None without one."""
    from av.stream import Disposition

    for video in container.streams.video:
        if not video.disposition & (Disposition.attached_pic | Disposition.timed_thumbnails) and video.codec_context:
            return video
    return None


def frames(film: Film, begin: int | None = None, end: int | None = None, deinterlace: bool = False) -> Any:
    """The frames from a time, in ticks, to before another, with their times, as decoded, in the order shown.

    Yields `(ticks, frame)`. Decoding begins at the frame before that allows it, or at the start. With `deinterlace`
    fields become frames. Raises DamagedError where the film cannot be decoded.
    """
    import av
    import av.error

    last: int | None = None
    shown = _from(film, begin, deinterlace)
    try:
        for ticks, frame in shown:
            if last is not None and ticks <= last:
                ticks = last + 1
            if end is not None and ticks >= end:
                return
            if frame.width != film.size[0] or frame.height != film.size[1]:
                raise ValueError(
                    f"{film.path} changes its size to {frame.width}x{frame.height} at {_seconds(film, ticks):.2f} s; "
                    "cut it there with --start and --duration"
                )
            last = ticks
            if begin is None or ticks >= begin:
                yield ticks, frame
    except av.error.FFmpegError as error:
        at = None if last is None else _seconds(film, last)
        where = "at its beginning" if at is None else f"after {at:.2f} s"
        raise DamagedError(f"{film.path} {DAMAGE} {where}: {_reason(error)}", at) from None
    finally:
        shown.close()


def _seconds(film: Film, ticks: int) -> float:
    return float(ticks * film.time_base)


def _from(film: Film, begin: int | None, deinterlace: bool) -> Generator[tuple[int, Any], None, None]:
    import av

    keys = film.times.keys
    place = bisect_right(keys, begin) - 1 if begin is not None and film.times.timed else 0
    if deinterlace:
        place -= 1  # the filter looks at the frame before
    while True:
        with av.open(film.path, metadata_errors="ignore") as container:
            video = container.streams[film.stream]
            video.thread_type = "AUTO"
            packets = container.demux(video)
            first = None
            if place > 0:
                container.seek(keys[place], stream=video, backward=True)
                packets = container.demux(video)
                first = next((packet for packet in packets if packet.is_keyframe), None)
                if first is None or first.pts is None or first.pts > keys[place] or not _known(keys, first.pts):
                    place = place - 1 if place > 1 else 0  # not where it was asked for: from further back
                    continue
            ahead = threaded(packets, PACKETS)
            try:
                timed = _timed(_decoded(container, video, first, ahead), film.times)
                yield from _deinterlaced(timed, video) if deinterlace else timed
            finally:
                ahead.close()
            return


def _known(values: list[int], value: int) -> bool:
    place = bisect_left(values, value)
    return place < len(values) and values[place] == value


def _decoded(container: Any, video: Any, first: Any = None, packets: Any = None) -> Generator[Any, None, None]:
    if first is not None:
        yield from first.decode()
    for packet in container.demux(video) if packets is None else packets:
        yield from packet.decode()


def _timed(decoded: Generator[Any, None, None], times: Times) -> Generator[tuple[int, Any], None, None]:
    for count, frame in enumerate(decoded):
        if times.timed and frame.pts is not None:
            yield frame.pts, frame
        elif not times.timed and count < len(times.frames):
            yield times.frames[count], frame


def _deinterlaced(timed: Generator[tuple[int, Any], None, None], video: Any) -> Generator[tuple[int, Any], None, None]:
    import av
    import av.filter

    graph = None
    for ticks, frame in timed:
        frame.pts, frame.time_base = ticks, video.time_base
        if graph is None:
            graph = av.filter.Graph()
            source = graph.add_buffer(
                width=frame.width, height=frame.height, format=frame.format, time_base=video.time_base
            )
            # the rate of frames, not of fields: as many frames, at the same times
            graph.link_nodes(source, graph.add("bwdif", "mode=send_frame"), graph.add("buffersink")).configure()
        graph.vpush(frame)
        yield from ((round(at / video.time_base), made) for at, made in _pulled(graph))
    if graph is not None:
        graph.vpush(None)
        yield from ((round(at / video.time_base), made) for at, made in _pulled(graph))


def _pulled(graph: Any) -> Generator[tuple[Fraction, Any], None, None]:
    import av
    import av.error

    while True:
        try:
            frame = graph.vpull()
        except (av.error.BlockingIOError, av.error.EOFError):
            return
        yield frame.pts * frame.time_base, frame


def _times(path: str, stream: int, rate: Fraction, time_base: Fraction) -> Times:
    """The times of all frames, by reading the packets of the stream without decoding any."""
    import av
    import av.error

    shown: list[int] = []
    decoded: list[int] = []
    keys: list[int] = []
    untimed, last, highest = 0, 0, None
    with av.open(path, metadata_errors="ignore") as container:
        try:
            for packet in container.demux(container.streams[stream]):
                if packet.size == 0 or packet.is_discard:
                    continue
                decoded.append(len(decoded) if packet.dts is None else packet.dts)
                if packet.pts is None:
                    untimed += 1
                    continue
                shown.append(packet.pts)
                if packet.is_keyframe:
                    keys.append(packet.pts)
                if highest is None or packet.pts > highest:
                    highest, last = packet.pts, packet.duration or 0
        except av.error.FFmpegError:
            pass  # decoding comes to the same place, and tells of it
    last = last or max(1, round(1 / (rate * time_base)))
    if untimed:
        later = keys[0] - decoded[0] if keys else 0  # what is shown first is so when its time says
        steps = sorted(ticks + later for ticks in decoded)
        return Times(steps, steps[:1], False, last)
    return Times(sorted(set(shown)), sorted(set(keys)), True, last)


def _reason(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error)).strip()
