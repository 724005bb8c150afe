"""Films from file to file: one, many, and a picture of a moment."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from time import perf_counter
from typing import TypeAlias

import numpy as np

from .. import run
from ..batch import Outcome, one_line
from ..jobs import Job, Kind
from ..sources import asked
from ..video import FORMATS, Making, Settings, moment, open_film, remove_others
from ..video.colors import encoding_of
from ..video.frames import Plane
from .enlarging import enlarger
from .grading import Regrader, Shot, look_of, regrader
from .planning import Options, plan_of, seconds, ticks_of
from .work import Work, check_installed, check_target, finish, folder_of, made_here, prepare, with_shots

SUFFIXES = (*FORMATS, ".avi", ".flv", ".wmv", ".mpg", ".mpeg", ".ogv", ".3gp", ".vob", ".mxf", ".y4m")
"""What names of films end in, where folders are looked through."""


Progress: TypeAlias = Callable[[int, int], None]
"""Is told how many frames of a film are done, and of how many."""


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
        work = with_shots(work, folder)
        made_here(work, folder, progress)
        finish(work, folder)
    return work


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


def preview(original: str | os.PathLike[str], target: Path, at: float, options: Options) -> None:
    """A picture of one moment of a film, `at` seconds after its beginning: enlarged by interpolation at the left, by
    the model at the right, in the colors that it alone would get; the target's name says its format. Raises OSError or
    ValueError in a sentence."""
    from ..photo import Photo, write
    from ..photo import check_target as check_photo

    check_installed()
    check_photo(target)
    film = open_film(original)
    settings = Settings("", {}, film.layout.name, 1)
    plan, choice, size = plan_of(film, options, asked(options.source), settings)
    begin = ticks_of(film.times.frames[0] * film.time_base + seconds(at), film)
    making = Making(film, size, settings, film.tags, film.interlaced)
    grading = None if options.enhance is None else run.grading(strength=options.enhance)
    encoding = grading and encoding_of(film)

    def regrade(planes: list[Plane]) -> Regrader:
        assert grading is not None and encoding is not None
        return regrader(making, grading, [Shot(0, look_of(planes, film.layout, encoding, grading).weights)])

    enlarge = enlarger(making, plan, choice, options.model)
    before, after = moment(making, enlarge, begin, None if grading is None else regrade)
    write(Photo(np.concatenate([before, after], axis=1)), target)
