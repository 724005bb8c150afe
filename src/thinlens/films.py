"""The whole way of a film: luma through a model, chroma by bicubic interpolation, all else as it was."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from . import models, program, run, sizes
from .batch import Outcome, one_line, processors
from .jobs import Job, Kind
from .models import CLEAN
from .run import Model
from .sizes import DEFAULT, Plan, Size, TargetSize
from .sources import AUTO, Choice, asked
from .video import FORMATS, Film, Folder, Kept, Making, Segment, Settings
from .video.frames import Layout, Plane
from .video.siting import resampled, shift_of

if TYPE_CHECKING:
    from .kernels import Compiled

EXTRA = "films need PyAV: pip install 'thinlens[video]'"
SUFFIXES = (*FORMATS, ".avi", ".flv", ".wmv", ".mpg", ".mpeg", ".ogv", ".3gp", ".vob", ".mxf", ".y4m")
"""What names of films end in, where folders are looked through."""


@dataclass(frozen=True)
class Options:
    """How films are made larger; the defaults are those of `thinlens video`.

    `start` and `duration` are in seconds. `encoder` names an encoder where `codec`, one of `video.CODECS`, is not
    enough. `segment` is how many seconds of film are made at a time.
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


@dataclass(frozen=True)
class Work:
    """A film about to be made larger: all that is decided before the first frame is decoded."""

    making: Making
    target: Path
    plan: Plan
    choice: Choice
    model: Model
    kept: Kept
    segments: list[Segment] = field(repr=False)
    partial: bool = False

    @property
    def identity(self) -> Any:
        """What segments depend on: with another they are made anew."""
        status = os.stat(self.making.film.path)  # noqa: PTH116
        programs = [program.dump(each) for each in programs_of(self.model, self.plan, self.choice.source)]
        digests = [_digest(each) for each in programs_of(self.model, self.plan, self.choice.source)]
        film = replace(self.making.film, path=os.path.abspath(self.making.film.path))  # noqa: PTH100
        made = repr(replace(self.making, film=film)), _version()
        return [made, status.st_size, status.st_mtime_ns, programs, digests, repr(self.segments), repr(self.kept)]

    @property
    def lost(self) -> tuple[str, ...]:
        """What of the tags of the film its encoder cannot write."""
        from .video import lost

        return tuple(lost(self.making.settings, self.making.tags))

    @property
    def enlarge(self) -> Enlarger:
        """What is done to each frame."""
        return enlarger(self.making, self.plan, self.choice, self.model)


@dataclass(frozen=True)
class Enlarger:
    """Enlarges frames in planes: luma through programs, chroma and transparency by bicubic interpolation.

    Samples go in and out as stored, whatever their range and matrix.
    """

    programs: tuple[program.Program, ...]
    enlarged: int
    layout: Layout
    location: str | None
    size: Size

    def __call__(self, source: list[Plane], target: list[Plane]) -> None:
        """Fill the planes of a frame of `size` with those of the source, enlarged."""
        for kind, plane, result in zip(self.layout.kinds, source, target, strict=True):
            if kind == "luma":
                self._luma(plane, result)
            else:
                self._bicubic(kind, plane, result)

    @property
    def _bits(self) -> int | None:
        return self.layout.bits if self.layout.bits > 8 else None

    @cached_property
    def _compiled(self) -> list[Compiled]:
        return [run.compile(each) for each in self.programs]

    @cached_property
    def _interpolation(self) -> dict[str, Compiled]:
        """By a whole number, for chroma and for transparency."""
        found: dict[str, Compiled] = {}
        for kind in ("chroma", "alpha"):
            x, y = (-each * (1 - 1 / self.enlarged) for each in self._offset(kind))
            found[kind] = run.compile(program.shifted_bicubic(self.enlarged, (x, y)))
        return found

    def _offset(self, kind: str) -> tuple[float, float]:
        if kind != "chroma":
            return 0.0, 0.0
        return shift_of(self.location, self.layout.across, self.layout.down)

    def _luma(self, plane: Plane, result: Plane) -> None:
        for number, each in enumerate(self._compiled, start=1):
            fits = number == len(self.programs) and _times(plane, each.program.scale) == result.shape
            plane = each(plane, result if fits else None, bits=self._bits)
            if fits:
                return
        _fill(plane, result, self._bits)

    def _bicubic(self, kind: str, plane: Plane, result: Plane) -> None:
        if _is_whole(self.enlarged, self.size, plane, result):
            if self.enlarged == 1:
                result[...] = plane[: result.shape[0], : result.shape[1]]
                return
            enlarge = self._interpolation[kind]
            if _times(plane, self.enlarged) == result.shape:
                enlarge(plane, result, bits=self._bits)
            else:
                result[...] = enlarge(plane, bits=self._bits)[: result.shape[0], : result.shape[1]]
            return
        result[...] = resampled(plane, result.shape, self._offset(kind), 2**self.layout.bits - 1)


def upscale_film(
    original: str | os.PathLike[str],
    target: str | os.PathLike[str],
    options: Options | None = None,
    progress: Callable[[int, int], None] = lambda _done, _of: None,
) -> Work:
    """Make a film larger; the target's name says its container, and it appears whole or not at all.

    A run that was killed goes on where it was: what it has made lies in a folder beside the target until that is
    whole. `progress` is told how many frames are done, and of how many. Returns what was done. Raises ImportError
    without PyAV, OSError or ValueError, in a sentence, where something cannot be read, written or done.
    """
    work = prepare(original, target, options or Options())
    with folder_of(work) as folder:
        made_here(work, folder, progress)
        finish(work, folder)
    return work


Progress = Callable[[int, int], None]
"""Is told how many frames of a film are done, and of how many."""


def upscale_films(
    jobs: Sequence[Job],
    options: Options,
    *,
    skip_existing: bool = False,
    progress: Callable[[Job, int, int], None] = lambda _job, _done, _of: None,
    upscale: Callable[[Path, Path, Options, Progress], Work] = upscale_film,
) -> Generator[Outcome, None, None]:
    """Do the jobs one after the other, and yield each outcome: a film that fails leaves no file and stops no other.

    `upscale` does one film; it is `upscale_film`, or what does the same on a cluster.
    """
    from .video import remove_others

    for job in jobs:
        if skip_existing and job.target.exists():
            remove_others(job.target)  # of a run that was killed after its result was whole
            yield Outcome(job, skipped=True)
            continue
        begun = perf_counter()
        try:
            work = upscale(job.source, job.target, options, lambda done, of, job=job: progress(job, done, of))
        except Exception as error:  # whatever it is, the other films are not to suffer
            text = one_line(error)
            named = str(job.source) in text or str(job.target) in text
            yield Outcome(job, text if named else f"{job.source}: {text}", seconds=perf_counter() - begun)
        else:
            yield Outcome(job, seconds=perf_counter() - begun, choice=work.choice, lost=work.lost)


def films_kind() -> Kind:
    """What files are films, for `jobs.plan`."""
    return Kind("film", SUFFIXES, check_target)


def prepare(original: str | os.PathLike[str], target: str | os.PathLike[str], options: Options) -> Work:
    """Decide all that can be before a frame is decoded, and refuse what cannot be done."""
    video = _video()
    target = Path(target)
    check_target(target)
    chosen = asked(options.source)
    if target.exists() and target.samefile(original):
        raise ValueError(f"{target} is the film to enlarge itself; give the result another name")
    film = video.open_film(original)
    if film.interlaced and not options.deinterlace:
        raise ValueError(f"{film.path} is interlaced: enlarging fields would tear them; give --deinterlace")
    if options.deinterlace and not film.interlaced:
        raise ValueError(f"{film.path} is not interlaced; leave --deinterlace out")
    settings = video.settings(
        film,
        options.codec,
        encoder=options.encoder,
        crf=options.crf,
        preset=options.preset,
        format=options.pixel_format,
        threads=processors(),
        suffix=target.suffix,
    )
    plan, choice, size = plan_of(film, options, chosen, settings)
    kept = _kept(film, options)
    making = Making(film, size, settings, film.tags, options.deinterlace)
    video.check_streams(film, target, kept, settings.encoder)
    begin, end = (None if at is None else _ticks(at, film) for at in (kept.begin, kept.end))
    segments = video.cut(film.times, film.time_base, options.segment, begin, end)
    _try(making)
    return Work(making, target, plan, choice, options.model, kept, segments, options.keep_partial)


def preview(original: str | os.PathLike[str], target: Path, at: float, options: Options) -> None:
    """A picture of one moment of a film, `at` seconds after its beginning: enlarged by interpolation at the left, by
    the model at the right; the target's name says its format. Raises OSError or ValueError in a sentence."""
    from .photo import Photo, write
    from .photo import check_target as check_photo

    video = _video()
    check_photo(target)
    film = video.open_film(original)
    settings = Settings("", {}, film.layout.name, 1)
    plan, choice, size = plan_of(film, options, asked(options.source), settings)
    begin = _ticks(film.times.frames[0] * film.time_base + _seconds(at), film)
    making = Making(film, size, settings, film.tags, film.interlaced)
    before, after = video.moment(making, enlarger(making, plan, choice, options.model), begin)
    write(Photo(np.concatenate([before, after], axis=1)), target)


def enlarger(making: Making, plan: Plan, choice: Choice, model: Model) -> Enlarger:
    """What is done to each frame."""
    film, programs = making.film, tuple(programs_of(model, plan, choice.source))
    return Enlarger(programs, plan.enlarged, film.layout, film.tags.location, making.size)


def made_here(work: Work, folder: Folder, progress: Callable[[int, int], None]) -> None:
    """Make the segments that are missing, those that follow each other in one go."""
    from .video import make

    missing = folder.missing(work.segments)
    total = sum(segment.frames for segment in work.segments)
    done = [total - sum(segment.frames for segment in missing)]
    progress(done[0], total)

    def count(frames: int) -> None:
        done[0] += frames
        progress(done[0], total)

    for group in _runs(missing):
        try:
            make(work.making, work.enlarge, group, folder.file, count, work.partial)
        except ValueError as error:
            if work.partial and keep_partial(work, folder):
                raise ValueError(f"{error}; what was before is in {partial_name(work.target)}") from None
            raise


def make_one(work: Work, segment: Segment, place: Path) -> None:
    """Make one segment, as a worker of a cluster does."""
    from .video import make

    make(work.making, work.enlarge, [segment], lambda _: place)


def finish(work: Work, folder: Folder) -> None:
    """Join the segments, and remove them when the result is whole."""
    _join(work, folder, work.target, work.segments)
    folder.remove()


def keep_partial(work: Work, folder: Folder) -> bool:
    """Join what was made before damage, under a name that says so; whether there was anything."""
    there: list[Segment] = []
    for segment in work.segments:
        if not folder.file(segment).is_file():
            break
        there.append(segment)
    if not there:
        return False
    end = there[-1].end * work.making.film.time_base
    _join(replace(work, kept=replace(work.kept, end=end)), folder, partial_name(work.target), there)
    folder.remove()
    return True


def partial_name(target: Path) -> Path:
    """The name of what was made of a damaged film."""
    return target.with_name(f"{target.stem}.partial{target.suffix}")


@contextmanager
def folder_of(work: Work) -> Generator[Folder, None, None]:
    """The folder with the segments of a film, for this process alone."""
    with Folder(work.target, work.identity) as folder:
        yield folder


def check_target(target: Path) -> None:
    """Raise ValueError or OSError if no film can be written there."""
    if target.suffix.lower() not in FORMATS:
        known = ", ".join(FORMATS)
        raise ValueError(f"{target}: the name of a film ends in one of {known}, which says its container")
    if target.is_dir():
        raise IsADirectoryError(f"{target} is a folder; give the name of a film")
    if not target.parent.is_dir():
        raise FileNotFoundError(f"the folder {target.parent} does not exist")


def plan_of(film: Film, options: Options, chosen: Choice | None, settings: Settings) -> tuple[Plan, Choice, Size]:
    """The models to go through, the weights to take and the size in the end, even where chroma is coarser."""
    wanted = options.wanted
    if film.tags.sideways:
        wanted = turned(wanted)
    choice = offered(options.model, chosen or by_stream(film), film, wanted)
    plan = sizes.plan(film.size, run.scales(options.model, choice.source), wanted)
    from .video import layout_of

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


COARSE = 16.0
"""The quantizer above which weights for compressed films are better."""
FEW_BITS = 0.4
"""Bits for each pixel below which they are."""


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


def programs_of(model: Model, plan: Plan, source: str) -> list[program.Program]:
    """The programs to go through; what the first has made is clean."""
    loose = isinstance(model, program.Program) or str(model) not in models.NAMED
    return [run.load(model, scale, CLEAN if index or loose else source) for index, scale in enumerate(plan.chain)]


def _kept(film: Film, options: Options) -> Kept:
    for name, value in (("--start", options.start), ("--duration", options.duration)):
        if value is not None and not 0 <= value < float("inf"):
            raise ValueError(f"{name} is in seconds, at least 0, not {value}")
    first = film.times.frames[0] * film.time_base
    begin = None if not options.start else _seconds(options.start) + min(first, Fraction(0))
    length = None if options.duration is None else _seconds(options.duration)
    end = None if length is None else (first if begin is None else begin) + length
    return Kept(begin, end, subtitles=not options.drop_subtitles, data=not options.drop_data)


def _seconds(value: float) -> Fraction:
    return Fraction(value).limit_denominator(10**6)


def _ticks(at: Fraction, film: Film) -> int:
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


def _try(making: Making) -> None:
    """Open the encoder once, so that what it refuses is known before anything is decoded."""
    from .video.making import encoder_of

    encoder_of(making)


def _join(work: Work, folder: Folder, target: Path, segments: Sequence[Segment]) -> None:
    from .video import join

    making = work.making
    files = [folder.file(segment) for segment in segments]
    join(making.film, target, files, making.settings, making.size, making.tags, work.kept)


def _runs(segments: list[Segment]) -> list[list[Segment]]:
    """Segments in groups of those that follow each other."""
    groups: list[list[Segment]] = []
    for segment in segments:
        if groups and groups[-1][-1].number + 1 == segment.number:
            groups[-1].append(segment)
        else:
            groups.append([segment])
    return groups


def _times(plane: Plane, scale: int) -> tuple[int, int]:
    return plane.shape[0] * scale, plane.shape[1] * scale


def _is_whole(enlarged: int, size: Size, plane: Plane, result: Plane) -> bool:
    """Whether the result is the plane enlarged by a whole number, but for rows and columns at its end."""
    rows, columns = _times(plane, enlarged)
    return 0 <= rows - result.shape[0] < 2 * enlarged and 0 <= columns - result.shape[1] < 2 * enlarged


def _fill(plane: Plane, result: Plane, bits: int | None) -> None:
    """What the models made, as large as it is wanted: less a row or column that the format cannot have, or resized."""
    rows, columns = result.shape
    if 0 <= plane.shape[0] - rows < 4 and 0 <= plane.shape[1] - columns < 4:
        result[...] = plane[:rows, :columns]
        return
    from .photo import resize

    resized = resize(plane, (columns, rows))
    result[...] = resized if bits is None else np.minimum(resized, 2**bits - 1)


def _digest(each: program.Program) -> str:
    from .kernels.objects import digest

    return digest(each)


def _version() -> str:
    from . import __version__  # pyright: ignore[reportAttributeAccessIssue, reportUnknownVariableType]

    return str(__version__)


def _video() -> Any:
    if find_spec("av") is None:
        raise ImportError(EXTRA)
    from . import video

    return video
