"""What a stream says of its pictures beside their samples: color, siting of chroma, proportions, rotation, HDR10."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from typing import Any

LOCATIONS = ("left", "center", "topleft", "top", "bottomleft", "bottom")
"""Where chroma samples lie, in the order of the headers of H.264 and HEVC."""
TRACED = ("h264", "hevc", "av1")
"""Codecs whose headers can be listed field by field."""
CENTERED = ("mjpeg", "mpeg1video")
"""Codecs whose chroma lies in the middle of its luma; that of all others lies to the left unless they say more."""
UNSPECIFIED = 2
FULL = 2
"""The code of the full range, 0 to 255."""
SLICES, PLACES = 8, 5
"""Packets whose slices tell the quantizer, at each of so many places of a film."""


@dataclass(frozen=True)
class Tags:
    """Codes are those of ISO/IEC 23091-2; `display` is the matrix of containers; `location` one of `LOCATIONS`.

    `mastering` has ten fractions: the primaries red, green and blue and white, x and y each, and the least and the
    highest luminance; `light` MaxCLL and MaxFALL. None where nothing is said.
    """

    primaries: int = UNSPECIFIED
    transfer: int = UNSPECIFIED
    matrix: int = UNSPECIFIED
    range: int = 0
    location: str | None = None
    aspect: Fraction | None = None
    display: tuple[int, ...] | None = None
    mastering: tuple[Fraction, ...] | None = None
    light: tuple[int, int] | None = None

    @property
    def sideways(self) -> bool:
        """Whether width and height are exchanged when it is shown."""
        return self.display is not None and self.display[0] == 0 and self.display[1] != 0


def tags_of(stream: Any, frame: Any, headers: dict[str, list[int]]) -> Tags:
    """The tags of a stream, its first frame and the fields of its headers, as `read_headers` gives them."""
    context = stream.codec_context
    aspect = stream.sample_aspect_ratio or context.sample_aspect_ratio
    full = frame.format.name.startswith("yuvj")
    side = {data.type.name: bytes(data) for data in frame.side_data}
    display = side.get("DISPLAYMATRIX")
    return Tags(
        primaries=int(frame.color_primaries),
        transfer=int(frame.color_trc),
        matrix=int(frame.colorspace),
        range=FULL if full else int(frame.color_range),
        location=_location(context.name, headers),
        aspect=aspect if aspect else None,
        display=None if display is None else struct.unpack("=9i", display),
        mastering=_mastering(side.get("MASTERING_DISPLAY_METADATA")),
        light=_light(side.get("CONTENT_LIGHT_LEVEL")),
    )


def read_headers(path: Any, stream: int) -> dict[str, list[int]]:
    """The fields of the first headers of a stream, by name, all values in their order; none of codecs not `TRACED`.

    Raises av.error.FFmpegError where it cannot be read.
    """
    import av
    import av.error
    import av.logging

    fields: dict[str, list[int]] = {}
    lines: list[tuple[int, str, str]] = []
    with av.open(path, metadata_errors="ignore") as container:
        video = container.streams[stream]
        if video.codec_context.name.removeprefix("lib").replace("dav1d", "av1") not in TRACED:
            return fields
        before = av.logging.get_level()
        try:
            with av.logging.Capture() as lines:
                av.logging.set_level(av.logging.INFO)
                filter = av.BitStreamFilterContext("trace_headers", video)
                for place in range(PLACES):
                    if place and container.duration:
                        container.seek((container.start_time or 0) + container.duration * place // PLACES)
                    for packet in islice(container.demux(video), SLICES):
                        if packet.size:
                            filter.filter(packet)
                    if not container.duration:
                        break
        except (av.error.FFmpegError, ValueError):  # a stream that decodes may still have odd headers
            pass
        finally:
            av.logging.set_level(before)
    for _, _, line in lines:
        found = re.match(r"\d+\s+(\w+)\s.* = (-?\d+)\s*$", line)
        if found:
            fields.setdefault(found[1], []).append(int(found[2]))
    return fields


def quantizer(headers: dict[str, list[int]]) -> float | None:
    """The mean quantizer of the first slices of H.264 or HEVC; None where the headers do not say."""
    start = headers.get("pic_init_qp_minus26") or headers.get("init_qp_minus26")
    changes = headers.get("slice_qp_delta")
    if not start or not changes:
        return None
    return 26 + start[0] + sum(changes) / len(changes)


def x265_mastering(tags: Tags) -> str | None:
    """The mastering display as encoders take it, in units of 0.00002 and 0.0001 candelas."""
    if tags.mastering is None:
        return None
    red, green, blue, white = (tuple(round(v * 50000) for v in tags.mastering[i : i + 2]) for i in (0, 2, 4, 6))
    low, high = (round(value * 10000) for value in tags.mastering[8:])
    return f"G{_pair(green)}B{_pair(blue)}R{_pair(red)}WP{_pair(white)}L({high},{low})"


def svt_mastering(tags: Tags) -> str | None:
    """The same in units of one."""
    if tags.mastering is None:
        return None
    values = [f"{float(value):.6g}" for value in tags.mastering]
    red, green, blue, white = (f"({values[i]},{values[i + 1]})" for i in (0, 2, 4, 6))
    return f"G{green}B{blue}R{red}WP{white}L({values[9]},{values[8]})"


def _pair(values: tuple[int, ...]) -> str:
    return "({},{})".format(*values)


def _location(codec: str, headers: dict[str, list[int]]) -> str | None:
    codes = headers.get("chroma_sample_loc_type_top_field")
    if codes and codes[0] < len(LOCATIONS):
        return LOCATIONS[codes[0]]
    position = headers.get("chroma_sample_position")
    if position and position[0] in (1, 2):
        return "left" if position[0] == 1 else "topleft"
    return "center" if codec in CENTERED else None


def _mastering(data: bytes | None) -> tuple[Fraction, ...] | None:
    if data is None or len(data) < 88:
        return None
    numbers = struct.unpack("=22i", data[:88])
    pairs = list(zip(numbers[:20:2], numbers[1:20:2], strict=True))
    if not (numbers[20] and numbers[21]) or any(below == 0 for _, below in pairs):
        return None
    return tuple(Fraction(above, below) for above, below in pairs)


def _light(data: bytes | None) -> tuple[int, int] | None:
    return None if data is None or len(data) < 8 else struct.unpack("=2I", data[:8])
