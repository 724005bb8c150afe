"""Files that appear whole or not at all: written beside their place under a temporary name, then renamed."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock
from time import time
from zlib import crc32

PREFIX, SUFFIX = ".thinlens-", ".tmp"
FORGOTTEN = 24 * 3600
"""Seconds after which a temporary file that nobody has written to is one of a killed run, on whatever machine."""

_ours: set[Path] = set()
_lock = Lock()


@contextmanager
def appearing(path: Path, *, durable: bool = True) -> Generator[Path, None, None]:
    """A temporary name beside `path` to write to: it becomes `path` if the block ends well and is removed if not.

    Whatever kills the process, `path` is whole or what it was before; if `durable`, whatever cuts the power, too, and
    a file that has appeared stays: it is flushed to the disk before it is renamed, and its folder afterwards (not on
    Windows, which has no such call), which takes some milliseconds. The name says on which machine and in which
    process it was made, so that `clean` can tell when nobody needs it any more; any number of threads may write at a
    time, even the same path. Raises OSError if the file cannot be flushed or renamed.
    """
    if path.is_symlink():
        path = path.resolve()  # the link stays, what it points to is replaced
    name = f"{PREFIX}{_machine()}-{os.getpid()}-{secrets.token_hex(8)}{SUFFIX}"
    temporary = path.with_name(name)
    with _lock:
        _ours.add(temporary)
    try:
        yield temporary
        if durable:
            with open(temporary, "r+b") as file:  # to be written: Windows flushes no other
                os.fsync(file.fileno())
        os.replace(temporary, path)  # noqa: PTH105, as the tests watch it
        if durable:
            _flush_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)
        with _lock:
            _ours.discard(temporary)


def write_whole(content: bytes, path: str | os.PathLike[str], *, durable: bool = True) -> None:
    """Write a file that appears whole or not at all, as `appearing` says."""
    with appearing(Path(path), durable=durable) as temporary:
        temporary.write_bytes(content)


def clean(folder: Path) -> None:
    """Remove the temporary files that killed runs have left in a folder; those of living processes stay."""
    if not folder.is_dir():
        return
    for file in folder.glob(f"{PREFIX}*{SUFFIX}"):
        with suppress(OSError):  # another run may clean the same folder, or it may not be ours to clean
            if _left(file):
                file.unlink()


def abandon() -> None:
    """Remove what this process is just writing; for a process about to end, which must call nothing else after it."""
    _lock.acquire()  # and never released: no thread begins another file
    for temporary in _ours:
        with suppress(OSError):
            temporary.unlink()


def _forked() -> None:
    """In a child: what its parent writes is not its own, and a thread that is not here may have held the lock."""
    global _lock
    _lock = Lock()
    _ours.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)


def _flush_folder(folder: Path) -> None:
    if os.name == "nt":
        return
    with suppress(OSError):  # some network drives cannot, and one may not list every folder: the file is whole anyway
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _left(file: Path) -> bool:
    machine, _, rest = file.name.removeprefix(PREFIX).partition("-")
    process = rest.partition("-")[0]
    if machine == _machine() and process.isdecimal() and not _lives(int(process)):
        return True
    return time() - file.stat().st_mtime > FORGOTTEN


def _machine() -> str:
    return f"{crc32(socket.gethostname().encode()):08x}"


def _lives(process: int) -> bool:
    """Whether there is such a process, or no way to tell, as on Windows."""
    if os.name != "posix":
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        pass
    return True
