"""The files of a report, beside the table of the search: a page and a drawing. Each appears whole or not at all."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from ...files import appearing, write_whole
from ..row import Row
from ..table import Table
from .fronts import finished, fronts

PAGE, DRAWING = "report.html", "front.png"
COLUMNS = (*(item.name for item in fields(Row)), "yardstick")
TEMPLATE, PLACE = Path(__file__).with_name("page.html"), "DATA"
"""What of the template is replaced by the rows."""


def write(folder: str | os.PathLike[str], quality: str = "validation") -> tuple[list[Path], list[Row]]:
    """Write the page and the drawing of a search into its folder; their paths, and the rows that there are.

    `quality` is "validation" or the name of a set that was scored on. Raises FileNotFoundError or ValueError where
    there is no search or no such set, ImportError without matplotlib.
    """
    with Table(folder) as table:
        rows, settings = list(table.rows.values()), table.settings
    names = ["validation", *settings["sets"]]
    if quality not in names:
        raise ValueError(f"{folder} has no scores on {quality!r}; choose of {', '.join(names)}")
    path, drawing = (Path(folder) / name for name in (PAGE, DRAWING))
    write_whole(page(rows, settings, folder, quality).encode(), path)
    draw(rows, quality, drawing)
    return [path, drawing], rows


def page(rows: Sequence[Row], settings: dict[str, Any], folder: str | os.PathLike[str], quality: str) -> str:
    """The page, with all that it shows within: it asks for nothing else."""
    width, height = settings["size"]
    threads = settings["threads"] or "all"
    places = list(dict.fromkeys(row.timed_on for row in rows if row.timed_on))
    about = f"{len(rows)} trials. Times of luma, 8 bits, {width}×{height} before it is enlarged, {threads} threads"
    data = {
        "columns": COLUMNS,
        "rows": [[_short(getattr(row, name)) for name in COLUMNS] for row in rows],
        "sets": settings["sets"],
        "quality": quality,
        "about": f"{about}: {'; '.join(places[:3])}." if places else f"{about}.",
        "folder": shlex.quote(str(folder)),
    }
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    return TEMPLATE.read_text(encoding="utf-8").replace(PLACE, text, 1)


def draw(rows: Sequence[Row], quality: str, path: Path) -> None:
    """PSNR against time, a panel for each scale: networks by family, their front, yardsticks, other engines."""
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError:
        raise ImportError("the drawing of a search needs matplotlib: pip install 'thinlens[search]'") from None
    chosen = fronts(rows, quality)
    done = finished(rows, quality)
    families = dict.fromkeys(row.family for row in done if not row.yardstick)
    figure: Any = Figure(figsize=(6 * max(len(chosen), 1), 5), layout="constrained")
    for index, (scale, best) in enumerate(chosen.items()):
        axes = figure.add_subplot(1, len(chosen), index + 1)
        here = [row for row in done if row.scale == scale]
        for number, family in enumerate(families):
            _dots(axes, [row for row in here if row.family == family], quality, color=f"C{number}", label=family, s=12)
        times, values = [row.milliseconds for row in best], [row.quality(quality) for row in best]
        axes.plot(times, values, color="black", linewidth=1, zorder=0)
        for row in best:
            for time in row.engines.values():
                axes.scatter(time, row.quality(quality), facecolors="none", edgecolors="gray", s=20)
        for row in here:
            if row.yardstick:
                axes.axhline(row.quality(quality), color="gray", linewidth=0.6, linestyle="dashed", zorder=0)
                _dots(axes, [row], quality, color="gray", marker="s", s=24)
                axes.annotate(row.family, (row.milliseconds, row.quality(quality)), fontsize=8)
        axes.set(xscale="log", xlabel="ms", ylabel=f"PSNR, {quality}, dB", title=f"×{scale}")
        axes.grid(alpha=0.3)
    if chosen:
        figure.axes[0].legend(fontsize=8)
    with appearing(path) as temporary:
        figure.savefig(temporary, dpi=110, format="png")


def _dots(axes: Any, rows: Sequence[Row], quality: str, **style: Any) -> None:
    axes.scatter([row.milliseconds for row in rows], [row.quality(quality) for row in rows], **style)


def _short(value: Any) -> Any:
    """Numbers with as many digits as anybody reads."""
    return float(f"{value:.6g}") if isinstance(value, float) else value
