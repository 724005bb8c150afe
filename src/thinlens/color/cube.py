"""The text format .cube of look-up tables, as Adobe and Resolve write it [Adobe2013].

A file has lines of keywords, comments (#), and entries, three numbers a line: a 1D table, a 3D table with red changing
first, or, as Resolve has it, a 1D table (a shaper) followed by the 3D table that it leads to. What the first and the
last entries stand for say DOMAIN_MIN and DOMAIN_MAX, by channel, or Resolve's LUT_1D_INPUT_RANGE and
LUT_3D_INPUT_RANGE; else it is 0 and 1.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from math import isfinite
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from ..files import write_whole

Color = tuple[float, float, float]
BLACK, WHITE = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
SIZES_1D, SIZES_3D = range(2, 65537), range(2, 257)
LARGEST = 2**31
"""Bytes of a file: more than 256³ entries take."""
LARGEST_ENTRY = float(np.finfo(np.float32).max)
LINE = re.compile(r"\r\n|\r|\n")
NUMBER = re.compile(r"[-+]?(nan|inf(inity)?|[.\d])", re.IGNORECASE)
"""How a line of entries begins."""
BEGINS = "UTF-8 text of keywords and numbers"


@dataclass(frozen=True, eq=False)
class Cube:
    """What a file holds.

    `curves` is `(n, 3)`, `table` `(size, size, size, 3)` by red, green and blue, both float32, at least one of them
    there. `curves_ends` and `table_ends` are what their first and last entries stand for.
    """

    title: str = ""
    curves: NDArray[np.float32] | None = None
    table: NDArray[np.float32] | None = None
    curves_ends: tuple[Color, Color] = (BLACK, WHITE)
    table_ends: tuple[Color, Color] = (BLACK, WHITE)


@dataclass
class _Keywords:
    """What the keywords of a file say, with the line of each."""

    title: str = ""
    sizes: dict[int, int] = field(default_factory=dict[int, int])
    ranges: dict[int, tuple[float, float]] = field(default_factory=dict[int, tuple[float, float]])
    domain: dict[str, Color] = field(default_factory=dict[str, Color])
    seen: dict[str, int] = field(default_factory=dict[str, int])


def read(path: str | os.PathLike[str]) -> Cube:
    """Read a file. Raises OSError if it cannot be read, ValueError, with the number of the line, if it is not right."""
    with open(path, "rb") as file:
        content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise ValueError(f"{path} has more than {LARGEST} bytes: it is no .cube file")
    if b"\0" in content:
        raise ValueError(f"{path} is not a .cube file, which is {BEGINS}")
    text = content.decode("utf-8-sig", errors="replace")  # titles of old files have any encoding
    keywords = _Keywords()
    rows: list[list[str]] = []
    numbers: list[int] = []
    lines = LINE.split(text)
    for number, line in enumerate(lines, start=1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        if NUMBER.match(stripped):
            if not keywords.sizes:
                _refuse(path, number, "there is no LUT_1D_SIZE or LUT_3D_SIZE before the first entry")
            rows.append(stripped.partition("#")[0].split())
            numbers.append(number)
            continue
        if rows:
            _refuse(path, number, f"there is {stripped:.40} among the entries")
        try:
            _keyword(keywords, stripped, number)
        except ValueError as error:
            _refuse(path, number, str(error))
    if not keywords.sizes:
        raise ValueError(f"{path} is not a .cube file: it has no LUT_1D_SIZE or LUT_3D_SIZE")
    last = max((number for number, line in enumerate(lines, start=1) if line.strip()), default=1)
    entries = _entries(path, rows, numbers, keywords.sizes, last)
    return _cube(path, keywords, entries)


def write(cube: Cube, path: str | os.PathLike[str]) -> None:
    """Write a file: title in quotes, 8 decimals, LF, no lines that say what holds anyway; whole or not at all.

    Raises ValueError for a title with quotes or line breaks, and for a shaper whose table has other ends by channel.
    """
    if '"' in cube.title or LINE.search(cube.title):
        raise ValueError(f"a title must have no quotes and line breaks, got {cube.title!r:.60}")
    lines = [f'TITLE "{cube.title}"'] if cube.title else []
    both = cube.curves is not None and cube.table is not None
    entries: list[NDArray[np.float32]] = []
    for dimensions, array, ends in ((1, cube.curves, cube.curves_ends), (3, cube.table, cube.table_ends)):
        if array is None:
            continue
        lines.append(f"LUT_{dimensions}D_SIZE {len(array)}")
        if ends != (BLACK, WHITE):
            lines += _range(dimensions, ends) if both else _domain(ends)
        entries.append(array if dimensions == 1 else array.transpose(2, 1, 0, 3).reshape(-1, 3))
    rows = [("%.8f %.8f %.8f\n" * len(array)) % tuple(array.ravel().tolist()) for array in entries]
    header = "".join(f"{line}\n" for line in lines)
    write_whole((header + "".join(rows)).encode(), path)


def _keyword(keywords: _Keywords, line: str, number: int) -> None:
    """Note what a line says; ValueError if it is not right."""
    name, _, rest = line.replace("\t", " ").partition(" ")
    name, rest = name.upper(), rest.strip()
    if name in keywords.seen:
        raise ValueError(f"{name} is there twice, in line {keywords.seen[name]} too")
    keywords.seen[name] = number
    match name:
        case "TITLE":
            quoted = len(rest) > 1 and rest[0] == rest[-1] == '"'
            keywords.title = rest[1:-1] if quoted else rest
        case "LUT_1D_SIZE" | "LUT_3D_SIZE":
            dimensions = int(name[4])
            allowed = SIZES_1D if dimensions == 1 else SIZES_3D
            if not rest.isdecimal() or int(rest) not in allowed:
                raise ValueError(f"{name} must be from {allowed[0]} to {allowed[-1]}, got {rest:.40}")
            keywords.sizes[dimensions] = int(rest)
        case "DOMAIN_MIN" | "DOMAIN_MAX":
            red, green, blue = _numbers(name, rest, 3)
            keywords.domain[name] = (red, green, blue)
        case "LUT_1D_INPUT_RANGE" | "LUT_3D_INPUT_RANGE":
            low, high = _numbers(name, rest, 2)
            if low >= high:
                raise ValueError(f"{name} must begin below its end, got {rest:.40}")
            keywords.ranges[int(name[4])] = (low, high)
        case "LUT_IN_VIDEO_RANGE" | "LUT_OUT_VIDEO_RANGE":
            raise ValueError(f"{name} says that values are in video range; export the table for full range")
        case _:
            raise ValueError(f"{name:.40} is no keyword of .cube files")


def _numbers(name: str, text: str, count: int) -> list[float]:
    try:
        found = [float(part) for part in text.split()]
    except ValueError:
        found = []
    if len(found) != count or not all(map(isfinite, found)):
        raise ValueError(f"{name} needs {count} numbers, got {text:.40}")
    return found


def _entries(
    path: str | os.PathLike[str], rows: list[list[str]], numbers: list[int], sizes: dict[int, int], last: int
) -> NDArray[np.float32]:
    """All entries, `(n, 3)`; ValueError if one is not right, or there are too few or too many."""
    try:
        entries = np.array(rows, np.float64).reshape(-1, 3)
        right = len(entries) == len(rows) and bool(np.all(np.abs(entries) <= LARGEST_ENTRY))  # which NaN is not
    except ValueError:
        entries, right = np.empty((0, 3)), False
    if not right:
        for row, number in zip(rows, numbers, strict=True):
            _check_entry(path, row, number)
    wanted = sum(size**dimensions for dimensions, size in sizes.items())
    if len(rows) > wanted:
        _refuse(path, numbers[wanted], f"there are more than the {wanted} entries that the size asks for")
    if len(rows) < wanted:
        _refuse(path, last, f"the file ends with {len(rows)} of the {wanted} entries that the size asks for")
    return entries.astype(np.float32)


def _check_entry(path: str | os.PathLike[str], row: list[str], number: int) -> None:
    """Raise ValueError unless an entry is three finite numbers."""
    shown = " ".join(row)[:40]
    try:
        values = [float(part) for part in row]
    except ValueError:
        _refuse(path, number, f"an entry must be three numbers, got {shown}")
    if len(values) != 3:
        _refuse(path, number, f"an entry must be three numbers, got {shown}")
    if not all(abs(value) <= LARGEST_ENTRY for value in values):
        _refuse(path, number, f"an entry must be finite, got {shown}")


def _cube(path: str | os.PathLike[str], keywords: _Keywords, entries: NDArray[np.float32]) -> Cube:
    sizes = keywords.sizes
    if keywords.domain and keywords.ranges:
        number = max(keywords.seen[name] for name in keywords.seen if name.startswith(("DOMAIN", "LUT_")))
        _refuse(path, number, "DOMAIN_MIN or DOMAIN_MAX and an INPUT_RANGE contradict each other; leave one out")
    for dimensions in keywords.ranges:
        if dimensions not in sizes:
            name = f"LUT_{dimensions}D_INPUT_RANGE"
            _refuse(path, keywords.seen[name], f"{name} needs a LUT_{dimensions}D_SIZE")
    domain = (keywords.domain.get("DOMAIN_MIN", BLACK), keywords.domain.get("DOMAIN_MAX", WHITE))
    if any(low >= high for low, high in zip(*domain, strict=True)):
        number = max(keywords.seen[name] for name in keywords.domain)
        _refuse(path, number, f"DOMAIN_MIN must be below DOMAIN_MAX for each channel, got {domain[0]} and {domain[1]}")
    ends: dict[int, tuple[Color, Color]] = {}
    for dimensions in sizes:
        low, high = keywords.ranges.get(dimensions, (0.0, 1.0))
        ends[dimensions] = ((low, low, low), (high, high, high))
    ends[min(sizes)] = domain if keywords.domain else ends[min(sizes)]  # of a shaper, if there is one
    curves = entries[: sizes[1]] if 1 in sizes else None
    size = sizes.get(3)
    table = None if size is None else entries[-(size**3) :].reshape(size, size, size, 3).transpose(2, 1, 0, 3).copy()
    none = (BLACK, WHITE)
    return Cube(keywords.title, curves, table, ends.get(1, none), ends.get(3, none))


def _domain(ends: tuple[Color, Color]) -> list[str]:
    return [
        f"{name} {red:.8f} {green:.8f} {blue:.8f}"
        for name, (red, green, blue) in zip(("DOMAIN_MIN", "DOMAIN_MAX"), ends, strict=True)
    ]


def _range(dimensions: int, ends: tuple[Color, Color]) -> list[str]:
    """The line of Resolve; it has one range for all channels."""
    if any(end != (end[0],) * 3 for end in ends):
        raise ValueError("a table behind a shaper must have the same ends for all channels to be written")
    return [f"LUT_{dimensions}D_INPUT_RANGE {ends[0][0]:.8f} {ends[1][0]:.8f}"]


def _refuse(path: str | os.PathLike[str], number: int, reason: str) -> NoReturn:
    raise ValueError(f"{path}, line {number}: {reason}")
