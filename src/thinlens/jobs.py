"""What is to be done: which photo file becomes which, found out before anything is written."""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

MAGIC = "*?["
"""The characters that make a name a pattern."""


@dataclass(frozen=True)
class Job:
    """One photo file to read and one to write."""

    source: Path
    target: Path


LONGEST = 255
"""Bytes that a name may have."""


@dataclass(frozen=True)
class Kind:
    """What kind of files: what it is called, what names of them end in, and whether one can be written.

    `check` raises OSError or ValueError for a name that no result can have. `read` are further endings of what can be
    read alone, `others` those of files of the kind that are left out in folders; `ending` is what the name of a file's
    result ends in.
    """

    name: str
    suffixes: Sequence[str]
    check: Callable[[Path], None]
    read: Sequence[str] = ()
    others: Sequence[str] = ()
    ending: Callable[[Path], str] = lambda path: path.suffix

    @property
    def taken(self) -> tuple[str, ...]:
        """What names of files end in that are taken out of folders."""
        return (*self.suffixes, *self.read)


def photos_kind() -> Kind:
    """Photos; libvips is loaded only when they are asked for."""
    from .photo import OTHER_SUFFIXES, READ_SUFFIXES, SUFFIXES, check_target, ending_of

    return Kind("photo", SUFFIXES, check_target, READ_SUFFIXES, OTHER_SUFFIXES, ending_of)


def left_out(
    photos: Sequence[str | os.PathLike[str]],
    target: str | os.PathLike[str] | None = None,
    kind: Kind | None = None,
) -> list[Path]:
    """Photos in these folders, or that these patterns match, that `plan` leaves out for their format."""
    kind = kind or photos_kind()
    others = replace(kind, suffixes=kind.others, read=())
    folder = Path(target) if target is not None else None
    found: list[Path] = []
    for path in dict.fromkeys(Path(photo) for photo in photos):
        if path.is_dir():
            found += _below(path, folder, others)
        elif not path.is_file() and any(sign in str(path) for sign in MAGIC):
            found += _matches(path, folder, others)
    return found


def plan(
    photos: Sequence[str | os.PathLike[str]],
    target: str | os.PathLike[str] | None,
    label: str,
    *,
    format: str | None = None,
    may_exist: bool = False,
    go_on: bool = False,
    kind: Kind | None = None,
) -> list[Job]:
    """The jobs for photo files, folders of them and patterns such as `holiday/**/*.jpg`; or for those of another kind.

    A folder stands for all photos in it and in the folders below, a pattern for the photos that it matches; files and
    folders whose names begin with a dot are left out, and so is the target folder. The target is a file for a single
    photo and a folder, made if missing, for all else; the tree below a folder, or below the fixed part of a pattern,
    is kept in it. Without a target each result stands beside its photo: with the label `x2`, `photo.jpg` becomes
    `photo-x2.jpg`, a folder `photos` becomes `photos-x2`. `format`, such as `png`, takes the place of what the names
    end in. Raises OSError or ValueError, before anything is written, if a photo does not exist or a result cannot be
    written, FileExistsError if a result is there already and `may_exist` is false. To `go_on` leaves out
    what is the result of another photo: of `*.jpg` a second run gets the results of the first, too.
    """
    kind = kind or photos_kind()
    suffix = None if format is None else suffix_of(format, kind.suffixes)
    given = list(dict.fromkeys(Path(photo) for photo in photos))
    end = Path(target) if target is not None else None
    folder = end is not None and (end.is_dir() or str(target).endswith(("/", os.sep)))
    for path in given[1:] if end is None else ():
        if path.suffix.lower() in kind.suffixes and not path.exists() and not any(sign in str(path) for sign in MAGIC):
            raise FileNotFoundError(f"{path} does not exist; if it is to be the result, type -o {path}")
    if len(given) == 1 and given[0].is_file() and not folder:
        jobs = [Job(given[0], end or _beside(given[0], label, suffix, kind))]
        _check(jobs, may_exist, kind)
        if jobs[0].target.suffix.lower() in kind.suffixes:
            _make_folders(jobs)
    else:
        if end is not None and not folder and end.suffix.lower() in kind.suffixes:
            raise ValueError(f"{end} is the name of one {kind.name}; give a folder for the results with -o")
        jobs = [job for path in given for job in _jobs(path, end, label, suffix, kind)]
        jobs = list({job.source.absolute(): job for job in jobs}.values())
        if go_on:
            made = {job.target.resolve() for job in jobs}
            jobs = [job for job in jobs if job.source.resolve() not in made]
        _check(jobs, may_exist, kind)
        _make_folders(jobs)
    for job in jobs:
        kind.check(job.target)
    return jobs


def suffix_of(format: str, suffixes: Sequence[str] | None = None) -> str:
    """What names of files in a format end in; ValueError, with the formats there are, for another."""
    if suffixes is None:
        suffixes = photos_kind().suffixes
    suffix = f".{format.lower().lstrip('.')}"
    if suffix not in suffixes:
        known = ", ".join(name.lstrip(".") for name in suffixes)
        raise ValueError(f"unknown format {format!r}; there are {known}")
    return suffix


def _jobs(path: Path, folder: Path | None, label: str, suffix: str | None, kind: Kind) -> Iterator[Job]:
    if path.is_file():
        yield Job(
            path, _renamed(path, folder / path.name, suffix, kind) if folder else _beside(path, label, suffix, kind)
        )
    elif path.is_dir():
        found = list(_below(path, folder, kind))
        if not found:
            raise ValueError(f"{path} holds no {kind.name}s (names ending in {', '.join(kind.taken)})")
        into = folder or path.resolve().parent / f"{path.resolve().name}-{label}"
        for file in found:
            yield Job(file, _renamed(file, into / file.relative_to(path), suffix, kind))
    elif any(sign in str(path) for sign in MAGIC):
        found = _matches(path, folder, kind)
        if not found:
            raise FileNotFoundError(f"no {kind.name} matches {path} (names ending in {', '.join(kind.taken)})")
        for file in found:
            if folder:
                yield Job(file, _renamed(file, folder / file.relative_to(_fixed(path)), suffix, kind))
            else:
                yield Job(file, _beside(file, label, suffix, kind))
    else:
        raise FileNotFoundError(f"{path} does not exist")


def _matches(path: Path, without: Path | None, kind: Kind) -> list[Path]:
    """The files of a kind that a pattern matches, in the order of their names."""
    literal = _fixed(path)
    rest = path.relative_to(literal) if literal.parts else path
    pattern = os.path.join(glob.escape(str(literal)), rest) if literal.parts else str(path)  # noqa: PTH118
    found = [Path(name) for name in sorted(glob.glob(pattern, recursive=True))]  # noqa: PTH207, absolute too
    return [file for file in found if _fits(file, kind) and not (without and _inside(file, without))]


def _below(folder: Path, without: Path | None, kind: Kind) -> Iterator[Path]:
    """The files of a kind in a folder and the folders below it, in the order of their names."""
    seen = {folder.resolve()}  # linked folders are followed, once each
    for name, folders, files in os.walk(folder, followlinks=True):
        here, below = Path(name), list[str]()
        for each in sorted(folders):
            place = (here / each).resolve()
            if not each.startswith(".") and place not in seen and not (without and _same(here / each, without)):
                seen.add(place)
                below.append(each)
        folders[:] = below
        yield from (here / file for file in sorted(files) if _fits(here / file, kind))


def _fits(path: Path, kind: Kind) -> bool:
    return path.suffix.lower() in kind.taken and not path.name.startswith(".") and path.is_file()


def _fixed(pattern: Path) -> Path:
    """The folder that a pattern begins with, before its first part with a special character that is no name."""
    parts = pattern.parts[:-1]
    for index, part in enumerate(parts):
        if any(sign in part for sign in MAGIC) and not Path(*parts[: index + 1]).is_dir():
            return Path(*parts[:index])
    return Path(*parts)


def _inside(file: Path, folder: Path) -> bool:
    return folder.resolve() in file.resolve().parents


def _same(path: Path, other: Path) -> bool:
    return path.resolve() == other.resolve()


def _check(jobs: list[Job], may_exist: bool, kind: Kind) -> None:
    """No result may take the place of a source or of another result, nor of any other file without leave."""
    sources = {job.source.resolve() for job in jobs}
    taken: dict[Path, Path] = {}
    for job in jobs:
        if len(os.fsencode(job.target.name)) > LONGEST:
            raise ValueError(f"the result of {job.source} would have a name of over {LONGEST} bytes; give one with -o")
        end = job.target.resolve()
        if end in sources:
            raise ValueError(f"{job.target} is a {kind.name} to enlarge; give the result another name or folder")
        if end in taken:
            raise ValueError(f"{taken[end]} and {job.source} would both become {job.target}; enlarge them separately")
        taken[end] = job.source
    there = [] if may_exist else [job.target for job in jobs if job.target.is_file()]
    if there:
        more = f" and {len(there) - 1} more are there" if len(there) > 1 else " is there"
        raise FileExistsError(f"{there[0]}{more} already; give --overwrite or --skip-existing")


def _beside(path: Path, label: str, suffix: str | None, kind: Kind) -> Path:
    name, ending = _parts(path, kind)
    return path.with_name(f"{name}-{label}{suffix or ending}")


def _renamed(path: Path, target: Path, suffix: str | None, kind: Kind) -> Path:
    """The target of a file, with the ending of its result."""
    name, ending = _parts(path, kind)
    return target.with_name(f"{name}{suffix or ending}")


def _parts(path: Path, kind: Kind) -> tuple[str, str]:
    """A name without its ending, if it is one of the kind's, and what the result ends in."""
    known = path.suffix.lower() in (*kind.taken, *kind.others)
    return path.stem if known else path.name, kind.ending(path)


def _make_folders(jobs: list[Job]) -> None:
    for folder in {job.target.parent for job in jobs}:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            raise OSError(f"cannot make the folder {folder} for the results; give another with -o") from None
