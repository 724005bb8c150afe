"""Objects on disk, under the digest of all that they depend on.

An object is code that this process will run. So the folder and its files must belong to the user and be writable by
nobody else (on Windows, where the user's own folders are closed to others by inheritance, that is not looked at), and a
file says its key and the digest of its content, so that what is damaged or misplaced is built again. Whatever
keeps the cache from working, as a full or read-only disk, costs time and nothing else.
"""

from __future__ import annotations

import hashlib
import os
import stat
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from ..files import appearing, clean

LARGEST = 2**28
"""Bytes of all objects together; those unused for longest go first."""
SUFFIX = ".kernel"
HEADER = 2 * hashlib.sha256().digest_size
"""Bytes before the object: its key and the digest of the object."""


def folder() -> Path | None:
    """Where objects are kept: what THINLENS_CACHE says, else in the user's folder for caches; None for nowhere."""
    named = os.environ.get("THINLENS_CACHE")
    if named is not None:
        return Path(named).absolute() if named else None
    home = os.path.expanduser("~")  # noqa: PTH111, as Path.home raises where there is none
    if not os.path.isabs(home):  # noqa: PTH117
        return None
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or f"{home}/AppData/Local"
    elif sys.platform == "darwin":
        base = f"{home}/Library/Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME", "")
        base = base if os.path.isabs(base) else f"{home}/.cache"  # noqa: PTH117
    return Path(base) / "thinlens" / "kernels"


def read(key: str) -> bytes | None:
    """The object under a key, None if there is none that can be trusted."""
    place = folder()
    if place is None:
        return None
    try:
        content = _read(place, key + SUFFIX)
    except OSError:
        return None
    header, made = content[:HEADER], content[HEADER:]
    return made if header == _header(key, made) else None


def write(key: str, made: bytes) -> None:
    """Keep an object, if that is possible."""
    place = folder()
    if place is None:
        return
    with suppress(OSError):
        place.parent.mkdir(parents=True, exist_ok=True)
        place.mkdir(mode=0o700, exist_ok=True)
        if _ours(place.stat(), stat.S_ISDIR):
            clean(place)
            if (path := place / (key + SUFFIX)).is_symlink():
                path.unlink()  # it would be followed, to a file that is not the cache's
            with appearing(path, durable=False) as temporary:
                temporary.touch(mode=0o600)  # whatever the umask
                temporary.write_bytes(_header(key, made) + made)
            _shrink(place)


def _header(key: str, made: bytes) -> bytes:
    return bytes.fromhex(key) + hashlib.sha256(made).digest()


def _read(place: Path, name: str) -> bytes:
    """A file, and a note that it was used. Folder and file are looked at once open: no other can take their place."""
    if os.name == "nt":
        content = (place / name).read_bytes()
        os.utime(place / name)
        return content
    with _Descriptor(os.open(place, os.O_RDONLY | os.O_DIRECTORY)) as parent:
        if not _ours(os.fstat(parent), stat.S_ISDIR):
            raise PermissionError(f"{place} is open to others")
        with _Descriptor(os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=parent)) as descriptor:
            if not _ours(os.fstat(descriptor), stat.S_ISREG):
                raise PermissionError(f"{place / name} belongs to somebody else")
            with suppress(OSError):
                os.utime(descriptor)
            with open(descriptor, "rb", closefd=False) as file:
                return file.read()


class _Descriptor:
    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    def __enter__(self) -> int:
        return self.descriptor

    def __exit__(self, *_: object) -> None:
        os.close(self.descriptor)


def _ours(status: os.stat_result, kind: Callable[[int], bool]) -> bool:
    """Whether a folder or file is of its kind, belongs to the user and is writable by nobody else."""
    closed = os.name == "nt" or (status.st_uid == os.geteuid() and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH))
    return kind(status.st_mode) and closed


def _shrink(place: Path) -> None:
    """Remove the objects that were unused for longest until the rest is small enough."""
    files: list[tuple[float, int, Path]] = []
    for path in place.glob("*" + SUFFIX):
        with suppress(OSError):  # another process may shrink the same folder
            status = path.stat()
            files.append((status.st_mtime, status.st_size, path))
    total = sum(size for _, size, _ in files)
    for _, size, path in sorted(files):
        if total <= LARGEST:
            break
        with suppress(OSError):
            path.unlink()
        total -= size
