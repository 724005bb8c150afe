"""The front of each scale, and as a table for the terminal or in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.table import Table as TerminalTable

from ..front import front
from ..row import Row

HEAD = ("network", "scale", "ms", "dB", "parameters", "program KB", "tables KB", "memory MB", "J")


def fronts(rows: Iterable[Row], quality: str = "validation") -> dict[int, list[Row]]:
    """For each scale the networks that none is quicker and better than, the quickest first; no yardsticks."""
    found: dict[int, list[Row]] = {}
    for row in finished(rows, quality):
        if not row.yardstick:
            found.setdefault(row.scale, []).append(row)
    chosen: dict[int, list[Row]] = {}
    for scale, candidates in sorted(found.items()):
        points = [(row.milliseconds or 0.0, row.quality(quality) or 0.0) for row in candidates]
        chosen[scale] = [candidates[index] for index in front(points)]
    return chosen


def finished(rows: Iterable[Row], quality: str = "validation") -> list[Row]:
    """Those that are timed and scored."""
    return [row for row in rows if row.state == "done" and row.quality(quality) is not None]


def table(rows: Sequence[Row], quality: str = "validation") -> TerminalTable:
    """The fronts, yardsticks above those of each scale; without columns in which nothing stands."""
    head, *lines = _lines(rows, quality)
    result = TerminalTable(title=f"PSNR: {quality}")
    for index, name in enumerate(head):
        result.add_column(name, justify="left" if index < 2 else "right", no_wrap=index == 0)
    for line in lines:
        result.add_row(*line)
    return result


def markdown(rows: Sequence[Row], quality: str = "validation") -> str:
    """The same as a Markdown table, ending in a newline."""
    head, *lines = _lines(rows, quality)
    rule = ["---", "---", *["---:"] * (len(head) - 2)]
    return "".join(f"| {' | '.join(line)} |\n" for line in [head, rule, *lines])


def _lines(rows: Sequence[Row], quality: str) -> list[list[str]]:
    """The head and the cells of each row."""
    lines = [_cells(row, quality) for row in _shown(rows, quality)]
    filled = [index for index in range(len(HEAD)) if index < 4 or any(line[index] for line in lines)]
    return [[line[index] for index in filled] for line in [HEAD, *lines]]


def _shown(rows: Sequence[Row], quality: str) -> list[Row]:
    shown: list[Row] = []
    for scale, chosen in fronts(rows, quality).items():
        shown += [row for row in finished(rows, quality) if row.yardstick and row.scale == scale] + chosen
    return shown


def _cells(row: Row, quality: str) -> list[str]:
    def number(value: float | None, unit: float, decimals: int) -> str:
        return "" if value is None else f"{value / unit:.{decimals}f}"

    return [
        row.network,
        f"×{row.scale}",
        number(row.milliseconds, 1, 2),
        number(row.quality(quality), 1, 2),
        str(row.parameters) if row.parameters else "",
        number(row.program_bytes or None, 1e3, 1),
        number(row.table_bytes or None, 1e3, 1),
        number(row.memory_bytes, 1e6, 1),
        number(row.joules, 1, 3),
    ]
