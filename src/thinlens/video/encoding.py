"""Encoders and their settings: what a film is encoded with, checked before anything is decoded."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from .film import Film
from .frames import PLANAR
from .tags import FULL, Tags, svt_mastering, x265_mastering

ALL = ()
"""Of scales of quality and speed: none, where an encoder has no such choice."""


@dataclass(frozen=True)
class Codec:
    """An encoder for a codec: what it is called, its default quality and speed, and options that it always gets."""

    encoder: str
    crf: float | None
    preset: str | None
    options: dict[str, str] = field(default_factory=dict[str, str])


CODECS = {
    "h264": Codec("libx264", 18, "veryfast"),
    "hevc": Codec("libx265", 20, "fast"),
    "av1": Codec("libsvtav1", 26, "8"),
    "vp9": Codec("libvpx-vp9", 24, None, {"b": "0", "row-mt": "1", "cpu-used": "4", "deadline": "good"}),
    "ffv1": Codec("ffv1", None, None, {"level": "3"}),
    "prores": Codec("prores_ks", None, None),
}
"""By the names that --codec takes. `crf` is constant quality: each segment gets what its pictures need, so none shows
where it begins."""
OTHERS = "h264"
"""For sources of a codec that is not in the list."""
FORMATS = {
    ".mkv": "matroska",
    ".mp4": "mp4",
    ".m4v": "mp4",
    ".mov": "mov",
    ".webm": "webm",
    ".ts": "mpegts",
    ".m2ts": "mpegts",
    ".nut": "nut",
}
"""The containers that films are written to, by what names end in."""
LOCATION_OPTION = {"libx264", "libsvtav1"}
"""Encoders that are told by an option of all encoders where chroma lies."""


@dataclass(frozen=True)
class Settings:
    """How a film is encoded: an encoder by name, its options, the pixel format, and how many threads it has."""

    encoder: str
    options: dict[str, str]
    format: str
    threads: int
    inside: bool = False
    """Whether parameter sets stand in the stream itself, as containers without headers need it."""


def settings(
    film: Film,
    codec: str | None = None,
    *,
    encoder: str | None = None,
    crf: float | None = None,
    preset: str | None = None,
    format: str | None = None,
    threads: int = 1,
    suffix: str = ".mkv",
) -> Settings:
    """The settings for a film, in a container by its suffix.

    Raises ValueError for what there is not, and for what the encoder would ignore.
    """
    if codec and encoder:
        raise ValueError("--codec and --encoder contradict each other; give one of them")
    if codec is not None and codec not in CODECS:
        raise ValueError(f"unknown codec {codec!r}; there are {', '.join(CODECS)}, or name an encoder with --encoder")
    own = film.codec.removeprefix("lib").replace("dav1d", "av1").replace("vpx-vp9", "vp9")
    known = Codec(encoder, None, None) if encoder else CODECS[codec or (own if own in CODECS else OTHERS)]
    names = _option_names(known.encoder)
    options = dict(known.options)
    for name, value, default in (("crf", crf, known.crf), ("preset", preset, known.preset)):
        if value is not None and name not in names:
            raise ValueError(f"the encoder {known.encoder} has no --{name}; leave it out or choose another")
        chosen = default if value is None else value
        if chosen is not None:
            options[name] = f"{chosen:g}" if isinstance(chosen, float | int) else chosen
    wanted = format or film.layout.name
    taken = _formats(known.encoder)
    if format is None and wanted not in taken:  # the same samples side by side, as FFV1 wants red, green and blue
        wanted = next((packed for packed, planar in PLANAR.items() if planar == wanted and packed in taken), wanted)
    if taken and wanted not in taken:
        more = ", ".join(taken[:12])
        raise ValueError(f"the encoder {known.encoder} does not take {wanted}; give --pixel-format, one of {more}")
    return Settings(
        known.encoder,
        options | _private(known.encoder, film.tags),
        wanted,
        threads,
        FORMATS[suffix.lower()] == "mpegts",
    )


def lost(settings: Settings, tags: Tags) -> list[str]:
    """What of the tags the encoder cannot write."""
    hdr = {"libx264", "libx265", "libsvtav1"}
    missing: list[str] = []
    if (tags.mastering or tags.light) and settings.encoder not in hdr:
        missing.append("mastering display and light level")
    located = {"libx264", "libx265", "libsvtav1"}
    if tags.location not in (None, "left") and settings.encoder not in located:
        missing.append("chroma location")
    return missing


def configure(stream: Any, settings: Settings, tags: Tags, size: tuple[int, int], time_base: Fraction) -> None:
    """Make a new stream of an output container ready for frames, or packets, of these settings."""
    context = stream.codec_context
    context.width, context.height = size
    context.pix_fmt = settings.format
    context.time_base = time_base
    context.thread_count = settings.threads
    context.color_primaries, context.color_trc = tags.primaries, tags.transfer
    context.colorspace, context.color_range = tags.matrix, tags.range
    if tags.aspect is not None:
        context.sample_aspect_ratio = tags.aspect
    context.options = dict(settings.options)
    if tags.location and settings.encoder in LOCATION_OPTION:
        context.options = context.options | {"chroma_sample_location": tags.location}


def open_encoder(settings: Settings, tags: Tags, size: tuple[int, int], time_base: Fraction, rate: Fraction) -> Any:
    """An encoder by itself, opened. Raises ValueError, in a sentence, if it does not take the settings."""
    import av
    import av.error
    from av.codec.context import Flags

    context: Any = av.CodecContext.create(settings.encoder, "w")
    context.framerate = rate
    if not settings.inside:
        context.flags |= Flags.global_header
    holder = _Holder(context)
    configure(holder, settings, tags, size, time_base)
    try:
        context.open()
    except (av.error.FFmpegError, ValueError) as error:
        reason = (getattr(error, "strerror", None) or str(error)).strip()
        raise ValueError(
            f"the encoder {settings.encoder} does not take {size[0]}x{size[1]} {settings.format} "
            f"with {_listed(settings.options)}: {reason}"
        ) from None
    return context


@dataclass
class _Holder:
    codec_context: Any


def _listed(options: dict[str, str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in options.items()) or "no options"


def _private(encoder: str, tags: Tags) -> dict[str, str]:
    """Options for what tags have and streams of PyAV do not."""
    parts: list[str] = []
    light = tags.light and f"{tags.light[0]},{tags.light[1]}"
    if encoder == "libx265":
        parts.append("log-level=error")
        if tags.location and tags.location != "left":
            from .tags import LOCATIONS

            parts.append(f"chromaloc={LOCATIONS.index(tags.location)}")
        parts += [f"master-display={x265_mastering(tags)}"] if tags.mastering else []
        parts += [f"max-cll={light}"] if light else []
        parts += ["range=full"] if tags.range == FULL else []
        return {"x265-params": ":".join(parts)}
    if encoder == "libx264":
        parts += [f"mastering-display={x265_mastering(tags)}"] if tags.mastering else []
        parts += [f"cll={light}"] if light else []
        return {"x264-params": ":".join(parts)} if parts else {}
    if encoder == "libsvtav1":
        parts += [f"mastering-display={svt_mastering(tags)}"] if tags.mastering else []
        parts += [f"content-light={light}"] if light else []
        return {"svtav1-params": ":".join(parts)} if parts else {}
    return {}


def _codec(encoder: str) -> Any:
    import av

    try:
        return av.Codec(encoder, "w")
    except ValueError:
        raise ValueError(
            f"there is no encoder {encoder!r} here; ffmpeg -encoders lists those that there may be"
        ) from None


def _option_names(encoder: str) -> set[str]:
    import av

    if _codec(encoder).type != "video":
        raise ValueError(f"{encoder} does not encode pictures; choose another encoder")
    context: Any = av.CodecContext.create(encoder, "w")
    return {option.name for option in context.supported_options.private}


def _formats(encoder: str) -> list[str]:
    """The pixel formats that an encoder takes; none where it does not say."""
    return [kind.name for kind in _codec(encoder).video_formats or []]
