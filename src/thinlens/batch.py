"""Many photos in one go: what is to be done, and doing it so that one bad photo stops no other."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from . import run


@dataclass(frozen=True)
class Job:
    """One photo file to read and one to write."""

    source: Path
    target: Path


@dataclass(frozen=True)
class Outcome:
    """A job done, or the sentence that says why it was not."""

    job: Job
    error: str | None


def plan(photos: Sequence[str | os.PathLike[str]], target: str | os.PathLike[str] | None, scale: int) -> list[Job]:
    """The jobs for photo files and folders of them.

    The target is a file for a single photo and a folder, made if missing, for all else. Without one each result
    stands beside its photo: `photo.jpg` becomes `photo-x2.jpg`, a folder `photos` becomes `photos-x2`. Raises
    OSError or ValueError, before anything is written, if a photo does not exist or a result cannot be written.
    """
    from .photo import check_target

    given = list(dict.fromkeys(Path(photo) for photo in photos))
    for path in given:
        if not path.exists():
            raise FileNotFoundError(f"{path} does not exist")
    end = Path(target) if target is not None else None
    if len(given) == 1 and given[0].is_file() and not (end and end.is_dir()):
        jobs = [Job(given[0], end or _beside(given[0], scale))]
        _check_apart(jobs)
    else:
        jobs = [job for path in given for job in _jobs(path, end, scale)]
        _check_apart(jobs)
        _make_folders(jobs)
    for job in jobs:
        check_target(job.target)
    return jobs


def upscale_files(jobs: Iterable[Job], scale: int | None = None, model: run.Model = "balanced") -> Iterator[Outcome]:
    """Do the jobs in order, one outcome after the other; a photo that fails leaves no file and stops no other."""
    loaded = run.load(model, scale)
    for job in jobs:
        try:
            run.upscale_file(job.source, job.target, model=loaded)
        except Exception as error:  # whatever it is, the other photos are not to suffer
            text = one_line(error)
            named = str(job.source) in text or str(job.target) in text
            yield Outcome(job, text if named else f"{job.source}: {text}")
        else:
            yield Outcome(job, None)


def one_line(error: Exception) -> str:
    """What went wrong as one line for people to read."""
    if isinstance(error, OSError) and error.strerror:
        text = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    elif isinstance(error, MemoryError):
        text = "there is not enough memory for the result"
    elif isinstance(error, OSError | ValueError | ImportError):
        text = str(error)
    else:
        text = f"unexpected {type(error).__name__}: {error}"
    return " ".join(text.split())


def _jobs(path: Path, folder: Path | None, scale: int) -> list[Job]:
    from .photo import SUFFIXES

    if path.is_file():
        return [Job(path, folder / path.name if folder else _beside(path, scale))]
    files = (file for file in path.iterdir() if file.suffix.lower() in SUFFIXES and not file.name.startswith("."))
    found = sorted(file for file in files if file.is_file())
    if not found:
        raise ValueError(f"{path} holds no photos (names ending in {', '.join(SUFFIXES)})")
    into = folder or path.resolve().parent / f"{path.resolve().name}-x{scale}"
    return [Job(file, into / file.name) for file in found]


def _check_apart(jobs: list[Job]) -> None:
    """No result may take the place of a photo or of another result."""
    sources = {job.source.resolve() for job in jobs}
    taken: dict[Path, Path] = {}
    for job in jobs:
        end = job.target.resolve()
        if end in sources:
            raise ValueError(f"{job.target} is a photo to enlarge; give the result another name or folder")
        if end in taken:
            raise ValueError(f"{taken[end]} and {job.source} would both become {job.target}; enlarge them separately")
        taken[end] = job.source


def _beside(path: Path, scale: int) -> Path:
    return path.with_name(f"{path.stem}-x{scale}{path.suffix}")


def _make_folders(jobs: list[Job]) -> None:
    for folder in {job.target.parent for job in jobs}:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            raise OSError(f"cannot make the folder {folder} for the results; give another with -o") from None
