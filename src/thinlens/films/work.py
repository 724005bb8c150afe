"""A film about to be made larger, and the steps of it: its segments, and what they are joined to."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from .. import models, program, run
from ..batch import processors
from ..color.grading import Grading
from ..run import Model
from ..sizes import Plan
from ..sources import Choice, asked
from ..video import (
    FORMATS,
    DamagedError,
    Folder,
    Kept,
    Making,
    Segment,
    check_streams,
    cut,
    join,
    lost,
    make,
    open_film,
    settings,
)
from ..video.colors import encoding_of
from ..video.making import encoder_of
from .enlarging import Enlarger, enlarger, programs_of
from .grading import Regrader, Shot, find_shots, read_shots, regrader, write_shots
from .planning import Options, kept_of, plan_of, ticks_of

EXTRA = "films need PyAV: pip install 'thinlens[video]'"
SHOTS = "shots"
"""The file beside segments with the shots that were found."""


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
    grading: Grading | None = None
    shots: tuple[Shot, ...] = field(default=(), repr=False)

    @property
    def identity(self) -> Any:
        """What segments depend on: with another they are made anew."""
        status = os.stat(self.making.film.path)  # noqa: PTH116
        programs = [program.dump(each) for each in programs_of(self.model, self.plan, self.choice.source)]
        digests = [_digest(each) for each in programs_of(self.model, self.plan, self.choice.source)]
        film = replace(self.making.film, path=os.path.abspath(self.making.film.path))  # noqa: PTH100
        made = repr(replace(self.making, film=film)), _version()
        colors = None if self.grading is None else [self.grading.strength, _digest(run.load(models.ENHANCE))]
        file = status.st_size, status.st_mtime_ns
        return [made, colors, *file, programs, digests, repr(self.segments), repr(self.kept)]

    @property
    def lost(self) -> tuple[str, ...]:
        """What of the tags of the film its encoder cannot write."""
        return tuple(lost(self.making.settings, self.making.tags))

    @property
    def enlarge(self) -> Enlarger:
        """What is done to each frame."""
        return enlarger(self.making, self.plan, self.choice, self.model)

    @property
    def regrade(self) -> Regrader | None:
        """What gives frames other colors, once the shots are known; None if nothing does."""
        return self.grading and regrader(self.making, self.grading, self.shots)


def prepare(original: str | os.PathLike[str], target: str | os.PathLike[str], options: Options) -> Work:
    """Decide all that can be before a frame is decoded, and refuse what cannot be done."""
    check_installed()
    target = Path(target)
    check_target(target)
    chosen = asked(options.source)
    if target.exists() and target.samefile(original):
        raise ValueError(f"{target} is the film to enlarge itself; give the result another name")
    film = open_film(original)
    if film.interlaced and not options.deinterlace:
        raise ValueError(f"{film.path} is interlaced: enlarging fields would tear them; give --deinterlace")
    if options.deinterlace and not film.interlaced:
        raise ValueError(f"{film.path} is not interlaced; leave --deinterlace out")
    chosen_settings = settings(
        film,
        options.codec,
        encoder=options.encoder,
        crf=options.crf,
        preset=options.preset,
        format=options.pixel_format,
        threads=processors(),
        suffix=target.suffix,
    )
    plan, choice, size = plan_of(film, options, chosen, chosen_settings)
    kept = kept_of(film, options)
    making = Making(film, size, chosen_settings, film.tags, options.deinterlace)
    check_streams(film, target, kept, chosen_settings.encoder)
    begin, end = (None if at is None else ticks_of(at, film) for at in (kept.begin, kept.end))
    segments = cut(film.times, film.time_base, options.segment, begin, end)
    encoder_of(making)  # opened once, so that what it refuses is known before anything is decoded
    grading = None if options.enhance is None else run.grading(strength=options.enhance)
    if grading is not None:
        encoding_of(film)
    return Work(making, target, plan, choice, options.model, kept, segments, options.keep_partial, grading)


def with_shots(work: Work, folder: Folder) -> Work:
    """The work, its shots found if it needs them; they stay in the folder, so that a killed run goes on with them."""
    if work.grading is None:
        return work
    path = folder.path / SHOTS
    if not path.is_file():
        begin, end = work.segments[0].begin, work.segments[-1].end
        write_shots(find_shots(work.making.film, work.grading, begin, end), path)
    return replace(work, shots=tuple(read_shots(path)))


def made_here(work: Work, folder: Folder, progress: Callable[[int, int], None]) -> None:
    """Make the segments that are missing, those that follow each other in one go."""
    missing = folder.missing(work.segments)
    total = sum(segment.frames for segment in work.segments)
    done = [total - sum(segment.frames for segment in missing)]
    progress(done[0], total)

    def count(frames: int) -> None:
        done[0] += frames
        progress(done[0], total)

    for group in _runs(missing):
        try:
            make(work.making, work.enlarge, group, folder.file, count, work.partial, work.regrade)
        except ValueError as error:
            if work.partial and keep_partial(work, folder):
                raise ValueError(f"{error}; what was before is in {partial_name(work.target)}") from None
            raise


def make_one(work: Work, segment: Segment, place: Path) -> None:
    """Make one segment, as a worker of a cluster does."""
    make(work.making, work.enlarge, [segment], lambda _: place, regrade=work.regrade)


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
    """The folder with the segments of a film, for this process alone; of a damaged film nothing is left."""
    with Folder(work.target, work.identity) as folder:
        try:
            yield folder
        except DamagedError:
            folder.remove()
            raise


def check_target(target: Path) -> None:
    """Raise ValueError or OSError if no film can be written there."""
    if target.suffix.lower() not in FORMATS:
        known = ", ".join(FORMATS)
        raise ValueError(f"{target}: the name of a film ends in one of {known}, which says its container")
    if target.is_dir():
        raise IsADirectoryError(f"{target} is a folder; give the name of a film")
    if not target.parent.is_dir():
        raise FileNotFoundError(f"the folder {target.parent} does not exist")


def _join(work: Work, folder: Folder, target: Path, segments: Sequence[Segment]) -> None:
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


def _digest(each: program.Program) -> str:
    from ..kernels.objects import digest

    return digest(each)


def _version() -> str:
    from .. import __version__  # pyright: ignore[reportAttributeAccessIssue, reportUnknownVariableType]

    return str(__version__)


def check_installed() -> None:
    """Raise ImportError, with what to install, without PyAV."""
    if find_spec("av") is None:
        raise ImportError(EXTRA)
