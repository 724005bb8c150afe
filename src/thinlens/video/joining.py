"""The last step: segments and all other streams of the source into one file, nothing encoded again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

from ..files import appearing
from .encoding import FORMATS, Settings, configure
from .film import Film
from .segments import Entry, read_entries, read_packets
from .tags import Tags

OWN_TAGS = ("major_brand", "minor_version", "compatible_brands", "encoder", "duration", "vendor_id")
"""Metadata that is about the file that it is in; lengths and encoders of streams of Matroska end so, too."""
WRITERS = ("DURATION", "NUMBER_OF_FRAMES", "NUMBER_OF_BYTES", "BPS", "_STATISTICS")


@dataclass(frozen=True)
class Kept:
    """What of the source goes into the result: a part of its time, in seconds, and which kinds of streams."""

    begin: Fraction | None = None
    end: Fraction | None = None
    subtitles: bool = True
    data: bool = True


def check_streams(film: Film, target: Path, kept: Kept, encoder: str) -> None:
    """Raise ValueError, naming the way out, if the container of the target cannot hold a stream of the source."""
    import av

    with av.open(film.path, metadata_errors="ignore") as source:
        output = av.open(_Nowhere(), "w", format=FORMATS[target.suffix.lower()])
        try:
            try:
                output.add_stream(encoder, rate=film.rate)
            except ValueError:
                raise ValueError(f"{target} cannot hold what {encoder} encodes; name the result .mkv") from None
            for stream in _others(source, film, kept):
                _add(output, stream, target)
        finally:
            output.close()


def join(
    film: Film,
    target: Path,
    segments: list[Path],
    settings: Settings,
    size: tuple[int, int],
    tags: Tags,
    kept: Kept,
) -> None:
    """Write the result, which appears whole or not at all. Raises OSError or ValueError in a sentence."""
    import av
    import av.error

    described = [read_entries(path) for path in segments]
    parameters = described[0][0]
    if any(found != parameters for found, _ in described):
        raise ValueError("the segments were made by different encoders; remove the folder with them and begin again")
    entries = [entry for _, found in described for entry in found]
    decoded, lengths = _decoding_times(entries, film)
    format = FORMATS[target.suffix.lower()]
    shift = kept.begin or Fraction(0)
    with appearing(target) as temporary:
        try:
            with (
                av.open(film.path, metadata_errors="ignore") as source,
                av.open(str(temporary), "w", format=format, options=_muxer(format)) as output,
            ):
                video = source.streams[film.stream]
                own: Any = output.add_stream(settings.encoder, rate=film.rate)
                configure(own, settings, tags, size, film.time_base)
                own.time_base = film.time_base
                if tags.display is not None:
                    own.set_display_matrix(tags.display)
                _describe(own, video)
                others = {stream.index: _added(output, stream, target) for stream in _others(source, film, kept)}
                _describe_container(output, source, kept)
                output.start_encoding()
                encoded = _encoded(segments, described, decoded, lengths, own, film.time_base, shift)
                for packet in _merged(encoded, _copied(source, others, kept)):
                    output.mux_one(packet)
        except av.error.FFmpegError as error:
            reason = (getattr(error, "strerror", None) or str(error)).strip()
            raise OSError(f"{target} cannot be written: {reason}") from None


def _muxer(format: str) -> dict[str, str]:
    if format in ("mp4", "mov"):
        return {"movflags": "+faststart+use_metadata_tags", "strict": "experimental"}
    if format in ("matroska", "webm"):  # else all streams would be shifted where sound begins before zero
        return {"avoid_negative_ts": "disabled", "strict": "experimental"}
    return {"strict": "experimental"}


def _decoding_times(entries: list[Entry], film: Film) -> tuple[list[int], dict[int, int]]:
    """Times of decoding for packets in their order, ever growing and none after it is shown; lengths by time shown."""
    shown = sorted(entry.shown for entry in entries)
    rank = {ticks: index for index, ticks in enumerate(shown)}
    delay = max(index - rank[entry.shown] for index, entry in enumerate(entries))
    step = min((b - a for a, b in pairwise(shown)), default=film.times.last) or 1
    before = [shown[0] - (delay - index) * step for index in range(delay)]
    index = film.times.frames.index(shown[-1]) if shown[-1] in film.times.frames else len(film.times.frames) - 1
    ends = [*shown[1:], film.times.ends(index)]
    return [*before, *shown][: len(entries)], dict(
        zip(shown, (max(1, b - a) for a, b in zip(shown, ends, strict=True)), strict=True)
    )


def _encoded(
    segments: list[Path],
    described: list[tuple[bytes, list[Entry]]],
    decoded: list[int],
    lengths: dict[int, int],
    stream: Any,
    time_base: Fraction,
    shift: Fraction,
) -> Iterator[Any]:
    import av

    moved = round(shift / time_base)
    times = iter(decoded)
    for path, (_, entries) in zip(segments, described, strict=True):
        for entry, content in zip(entries, read_packets(path, entries), strict=True):
            packet: Any = av.Packet(content)
            packet.stream = stream
            packet.time_base = time_base
            packet.pts, packet.dts = entry.shown - moved, next(times) - moved
            packet.duration = lengths[entry.shown]
            packet.is_keyframe = entry.key
            yield packet


def _copied(source: Any, others: dict[int, Any], kept: Kept) -> Iterator[Any]:
    taken = [source.streams[index] for index, stream in others.items() if stream.type != "attachment"]
    if not taken:
        return
    for packet in source.demux(*taken):
        if packet.size == 0 or (packet.dts is None and packet.pts is None):
            continue
        ticks = packet.pts if packet.pts is not None else packet.dts
        at = ticks * packet.time_base
        if (kept.begin is not None and at < kept.begin) or (kept.end is not None and at >= kept.end):
            continue
        if kept.begin:
            moved = round(kept.begin / packet.time_base)
            packet.pts = None if packet.pts is None else packet.pts - moved
            packet.dts = None if packet.dts is None else packet.dts - moved
        packet.stream = others[packet.stream_index]
        yield packet


def _merged(first: Iterator[Any], second: Iterator[Any]) -> Iterator[Any]:
    """Packets of both by their times of decoding, as muxers want them."""
    a, b = next(first, None), next(second, None)
    while a is not None or b is not None:
        if b is None or (a is not None and _at(a) <= _at(b)):
            yield a
            a = next(first, None)
        else:
            yield b
            b = next(second, None)


def _at(packet: Any) -> Fraction:
    ticks = packet.pts if packet.dts is None else packet.dts
    return ticks * packet.time_base


def _others(source: Any, film: Film, kept: Kept) -> Iterator[Any]:
    for stream in source.streams:
        kind = stream.type
        wanted = {"subtitle": kept.subtitles, "data": kept.data, "attachment": kept.data}.get(kind, True)
        if stream.index == film.stream or not wanted:
            continue
        if kind == "data" and source.format.name.startswith("mov") and _said_elsewhere(source, stream):
            continue
        yield stream


def _said_elsewhere(source: Any, stream: Any) -> bool:
    """Whether a data stream of MP4 or QuickTime has the chapters or the time code, which are made again of metadata."""
    return "timecode" in stream.metadata or (getattr(stream, "name", None) == "bin_data" and bool(source.chapters()))


def _added(output: Any, stream: Any, target: Path) -> Any:
    added = _add(output, stream, target)
    _describe(added, stream)
    if stream.time_base and stream.type != "attachment":
        added.time_base = stream.time_base
    return added


def _add(output: Any, stream: Any, target: Path) -> Any:
    kind, suffix = stream.type, target.suffix
    way = ", or give --drop-subtitles" if kind == "subtitle" else ""
    way = ", or give --drop-data" if kind in ("data", "attachment") else way
    holder = ".mov" if kind == "data" else ".mkv"
    other = f"name the result {holder}" if suffix.lower() != holder else "choose another container"
    named = getattr(stream, "name", None) or "unknown"
    try:
        if kind == "attachment" and output.format.name != "matroska":
            raise ValueError("attachment")
        if kind == "data" and output.format.name in ("matroska", "webm"):
            raise ValueError("data")
        if kind == "attachment":
            metadata = stream.metadata
            name, mimetype = (
                metadata.get("filename", "attachment"),
                metadata.get("mimetype", "application/octet-stream"),
            )
            return output.add_attachment(name, mimetype, stream.data)
        return output.add_stream_from_template(stream, opaque=True)
    except (ValueError, AttributeError, TypeError):
        what = {"subtitle": "subtitles", "attachment": "attachments", "data": "data"}.get(kind, kind)
        raise ValueError(f"{target} cannot hold the {what} of stream {stream.index} ({named}); {other}{way}") from None


def _describe(added: Any, stream: Any) -> None:
    kept = {name: value for name, value in stream.metadata.items() if _worth_keeping(name)}
    if "title" in kept and added.container.format.name == "mp4":
        kept["handler_name"] = kept["title"]  # the only name that a stream has there
    added.metadata.update(kept)
    added.disposition = stream.disposition


def _worth_keeping(name: str) -> bool:
    return name.lower() not in OWN_TAGS and not name.startswith(WRITERS)


def _describe_container(output: Any, source: Any, kept: Kept) -> None:
    output.metadata.update({name: value for name, value in source.metadata.items() if _worth_keeping(name)})
    chapters = source.chapters()
    if kept.begin is not None or kept.end is not None:
        chapters = [chapter for chapter in (_clipped(chapter, kept) for chapter in chapters) if chapter is not None]
    if chapters:
        output.set_chapters(chapters)


def _clipped(chapter: Any, kept: Kept) -> Any:
    base, shift = chapter["time_base"], kept.begin or Fraction(0)
    begin = max(chapter["start"] * base, shift)
    end = chapter["end"] * base if kept.end is None else min(chapter["end"] * base, kept.end)
    if begin >= end:
        return None
    return {**chapter, "start": round((begin - shift) / base), "end": round((end - shift) / base)}


class _Nowhere:
    """A file that keeps nothing, to see what a container takes."""

    def write(self, content: bytes) -> int:
        return len(content)

    def seek(self, _offset: int, _whence: int = 0) -> int:
        return 0

    def tell(self) -> int:
        return 0
