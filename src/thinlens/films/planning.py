"""What is decided before the first frame is decoded: sizes, weights, and which part of a film is made."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from .. import models, program, run, sizes
from ..models import CLEAN
from ..run import Model
from ..sizes import DEFAULT, Plan, Size, TargetSize
from ..sources import AUTO, Choice
from ..video import Film, Kept, Settings, layout_of

COARSE = 16.0
"""The quantizer above which weights for compressed films are better."""


FEW_BITS = 0.4
"""Bits for each pixel below which they are."""


@dataclass(frozen=True)
class Options:
    """How films are made larger; the defaults are those of `thinlens video`.

    `start` and `duration` are in seconds. `encoder` names an encoder where `codec`, one of `video.CODECS`, is not
    enough. `segment` is how many seconds of film are made at a time. `enhance` is how much of the change of colors that
    a model chooses for each shot is done, above 0 to 1; None leaves colors as they are.
    """

    wanted: TargetSize = DEFAULT
    model: Model = "balanced"
    source: str = AUTO
    codec: str | None = None
    encoder: str | None = None
    crf: float | None = None
    preset: str | None = None
    pixel_format: str | None = None
    start: float | None = None
    duration: float | None = None
    deinterlace: bool = False
    drop_subtitles: bool = False
    drop_data: bool = False
    keep_partial: bool = False
    segment: float = 8.0
    enhance: float | None = None


def plan_of(film: Film, options: Options, chosen: Choice | None, settings: Settings) -> tuple[Plan, Choice, Size]:
    """The models to go through, the weights to take and the size in the end, even where chroma is coarser."""
    wanted = options.wanted
    if film.tags.sideways:
        wanted = turned(wanted)
    choice = offered(options.model, chosen or by_stream(film), film, wanted)
    plan = sizes.plan(film.size, run.scales(options.model, choice.source), wanted)
    layout = layout_of(settings.format)
    width, height = _even(plan, film, (layout.across, layout.down), wanted)
    return plan, choice, (width, height)


def turned(wanted: TargetSize) -> TargetSize:
    """A size as for pictures that are shown turned by a quarter, whose width is stored as their height."""
    size, fit = (each and (each[1], each[0]) for each in (wanted.size, wanted.fit))
    return replace(wanted, size=size, fit=fit, width=wanted.height, height=wanted.width)


def by_stream(film: Film) -> Choice:
    """The weights that suit a film, by its quantizer, or else by its bits for each pixel."""
    if film.quantizer is not None and film.codec in ("h264", "hevc"):
        source = "h264" if film.quantizer > COARSE else CLEAN
        return Choice(source, f"{film.codec} with a quantizer of {film.quantizer:.0f}")
    if film.bit_rate and film.codec not in ("ffv1", "prores", "rawvideo"):
        share = film.bit_rate / (film.size[0] * film.size[1] * float(film.rate))
        return Choice("h264" if share < FEW_BITS else CLEAN, f"{film.codec} of {share:.2f} bits a pixel")
    return Choice(CLEAN, f"{film.codec} says nothing of its quality")


def offered(model: Model, choice: Choice, film: Film, wanted: TargetSize) -> Choice:
    """The choice, or clean, with the reason, if the model has no weights for it."""
    if choice.source == CLEAN:
        return choice
    named = isinstance(model, str) and model in models.NAMED
    scale = (sizes.plan(film.size, run.scales(model), wanted).chain or (1,))[0]
    if named and choice.source in models.sources(str(model), scale):
        return choice
    name = model.name if isinstance(model, program.Program) else Path(model).name
    why = f"{name} has no weights for {choice.source} at scale {scale}"
    return Choice(CLEAN, why if choice.asked else f"{choice.why}, but {why}")


def kept_of(film: Film, options: Options) -> Kept:
    for name, value in (("--start", options.start), ("--duration", options.duration)):
        if value is not None and not 0 <= value < float("inf"):
            raise ValueError(f"{name} is in seconds, at least 0, not {value}")
    first = film.times.frames[0] * film.time_base
    begin = None if not options.start else seconds(options.start) + min(first, Fraction(0))
    length = None if options.duration is None else seconds(options.duration)
    end = None if length is None else (first if begin is None else begin) + length
    return Kept(begin, end, subtitles=not options.drop_subtitles, data=not options.drop_data)


def seconds(value: float) -> Fraction:
    return Fraction(value).limit_denominator(10**6)


def ticks_of(at: Fraction, film: Film) -> int:
    return -int(-at // film.time_base)


def _even(plan: Plan, film: Film, share: tuple[int, int], wanted: TargetSize) -> Size:
    """The size of a plan, or the next that a frame with coarser chroma can have."""
    width, height = (size - size % part for size, part in zip(plan.size, share, strict=True))
    if (width, height) != plan.size and wanted.size is not None:
        raise ValueError(
            f"a film with this pixel format has a width that is a multiple of {share[0]} and a height of {share[1]}, "
            f"not {plan.size[0]}x{plan.size[1]}"
        )
    if not width or not height:
        raise ValueError(f"{film.path} is too small for its pixel format; give a larger size")
    return width, height
