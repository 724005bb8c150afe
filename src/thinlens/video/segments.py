"""Segments: parts of a film that are enlarged and encoded each by itself, kept in a folder beside the result.

A segment file is a line of JSON with the encoder's parameter sets and a line for each packet, then the packets. It
appears whole or not at all, so what is there need not be made again.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from bisect import bisect_left
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from ..files import appearing, clean
from .film import Times

SECONDS = 8.0
"""How long a segment is at least; it ends at the next frame that can be decoded by itself."""
LONGEST = 4
"""Times as long as that it ends at any frame."""
PREFIX, SUFFIX = ".thinlens-", ".segments"


@dataclass(frozen=True)
class Segment:
    """The frames from a time, in ticks, to before another."""

    number: int
    begin: int
    end: int
    frames: int


@dataclass(frozen=True)
class Entry:
    """A packet in a segment file: its times in ticks, and whether it can be decoded by itself."""

    shown: int
    decoded: int
    key: bool
    size: int


def cut(
    times: Times, time_base: Fraction, seconds: float = SECONDS, begin: int | None = None, end: int | None = None
) -> list[Segment]:
    """Cut the frames of a film, or those between two times, into segments."""
    first = 0 if begin is None else bisect_left(times.frames, begin)
    stop = len(times.frames) if end is None else bisect_left(times.frames, end)
    shown = times.frames[first:stop]
    if not shown:
        raise ValueError("no frame of the film lies there; change --start or --duration")
    keys, length = set(times.keys), seconds / time_base
    starts = [0]
    for index, ticks in enumerate(shown):
        since = ticks - shown[starts[-1]]
        if index > starts[-1] and since >= length and (ticks in keys or since >= LONGEST * length):
            starts.append(index)
    last = times.ends(first + len(shown) - 1)
    bounds = [*(shown[start] for start in starts), last]
    counts = [b - a for a, b in zip(starts, [*starts[1:], len(shown)], strict=True)]
    return [Segment(n, bounds[n], bounds[n + 1], count) for n, count in enumerate(counts)]


class Folder:
    """The folder with the segments of one result, made with the same settings: its name has their digest."""

    def __init__(self, target: Path, identity: Any) -> None:
        digest = hashlib.sha256(json.dumps(identity, sort_keys=True, default=str).encode()).hexdigest()[:16]
        self.target = target
        self.path = target.with_name(f"{PREFIX}{target.name}-{digest}{SUFFIX}")
        self._lock: Any = None

    def __enter__(self) -> Folder:
        """Take the folder for this process, and remove those of the same result with other settings."""
        self.path.mkdir(parents=True, exist_ok=True)
        self._lock = open(self.path / "lock", "w")
        try:
            import fcntl

            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except ImportError:  # Windows: two at a time do the same work twice, whole files in any case
            pass
        except OSError:
            self._lock.close()
            raise OSError(
                f"{self.target} is just being made by another run; wait for it or give another name"
            ) from None
        remove_others(self.target, self.path)
        clean(self.path)
        return self

    def __exit__(self, *_: object) -> None:
        self._lock.close()

    def file(self, segment: Segment) -> Path:
        """Where a segment is, or will be."""
        return self.path / f"{segment.number:06}"

    def missing(self, segments: list[Segment]) -> list[Segment]:
        """Those that are still to be made."""
        return [segment for segment in segments if not self.file(segment).is_file()]

    def remove(self) -> None:
        """Remove it with all that is in it."""
        self._lock.close()
        shutil.rmtree(self.path, ignore_errors=True)


def remove_others(target: Path, but: Path | None = None) -> None:
    """Remove what killed runs have left of a result: folders with segments, and half a file where it was joined."""
    if target.parent.is_dir():
        clean(target.parent)
    length = len(f"{PREFIX}{target.name}-") + 16 + len(SUFFIX)
    for path in target.parent.iterdir() if target.parent.is_dir() else ():
        name = path.name
        if name.startswith(f"{PREFIX}{target.name}-") and name.endswith(SUFFIX) and len(name) == length and path != but:
            shutil.rmtree(path, ignore_errors=True)


class Writer:
    """Writes the packets of a segment, and in the end what they are."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self._entries: list[tuple[int, int, bool, int]] = []

    def write(self, packet: Any) -> None:
        """Append a packet."""
        content = bytes(packet)
        shown = packet.pts
        decoded = shown if packet.dts is None else packet.dts
        self._entries.append((shown, decoded, bool(packet.is_keyframe), len(content)))
        self._file.write(content)

    def end(self, parameters: bytes | None) -> None:
        """Write what the packets are, with the parameter sets of the encoder, and how long that is."""
        described = {"parameters": (parameters or b"").hex(), "packets": self._entries}
        content = json.dumps(described).encode()
        self._file.write(content + len(content).to_bytes(8, "little"))


@contextmanager
def writing(path: Path) -> Generator[Writer, None, None]:
    """A writer for a segment that appears at `path` when the block ends well."""
    with appearing(path) as temporary, open(temporary, "wb") as file:
        yield Writer(file)
        file.flush()


def read_entries(path: Path) -> tuple[bytes, list[Entry]]:
    """The parameter sets and the packets of a segment, without their content."""
    with open(path, "rb") as file:
        file.seek(-8, 2)
        length = int.from_bytes(file.read(8), "little")
        file.seek(-8 - length, 2)
        described = json.loads(file.read(length))
    return bytes.fromhex(described["parameters"]), [Entry(*entry) for entry in described["packets"]]


def read_packets(path: Path, entries: list[Entry]) -> Iterator[bytes]:
    """The content of the packets of a segment, one after the other."""
    with open(path, "rb") as file:
        for entry in entries:
            yield file.read(entry.size)
