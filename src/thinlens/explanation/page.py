"""Sections of an explanation as one page: a PNG file, or an HTML file that needs nothing else."""

from __future__ import annotations

import base64
import html
import os
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from ..files import write_whole

SUFFIXES = (".html", ".png")
STYLE = """body{font:16px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem}
body{color:#222;background:#fff}h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2rem}p{max-width:46rem}img{max-width:100%;height:auto}
@media(prefers-color-scheme:dark){body{background:#1b1b1b;color:#ddd}img{background:#fff}}"""


@dataclass(frozen=True)
class Section:
    """A heading, a few sentences, and a matplotlib figure or none."""

    title: str
    text: str
    figure: Any = None


def check(path: str | os.PathLike[str]) -> Path:
    """The path, if its suffix is one of a page. Raises ValueError for others."""
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise ValueError(f"an explanation is {' or '.join(SUFFIXES)}, not {path.name!r}: give -o PAGE.html or PAGE.png")
    return path


def write(title: str, sections: Sequence[Section], path: Path) -> None:
    """Write the page; it appears whole or not at all."""
    page = _html(title, sections) if path.suffix.lower() == ".html" else _png(title, sections)
    write_whole(page, path)


def _html(title: str, sections: Sequence[Section]) -> bytes:
    parts = [f"<!doctype html><html lang=en><meta charset=utf-8><title>{html.escape(title)}</title>"]
    parts.append(
        f"<meta name=viewport content='width=device-width'><style>{STYLE}</style><h1>{html.escape(title)}</h1>"
    )
    for section in sections:
        parts.append(f"<h2>{html.escape(section.title)}</h2><p>{html.escape(section.text)}</p>")
        if section.figure is not None:
            data = base64.b64encode(_drawn(section.figure)).decode()
            parts.append(f'<img alt="{html.escape(section.title)}" src="data:image/png;base64,{data}">')
    return "\n".join(parts).encode()


def _drawn(figure: Any) -> bytes:
    buffer = BytesIO()
    figure.savefig(buffer, format="png", dpi=100)
    return buffer.getvalue()


def _png(title: str, sections: Sequence[Section]) -> bytes:
    """The figures below one another, each under its heading."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.image import imsave

    rows: list[Any] = []
    for index, section in enumerate(sections):
        if section.figure is None:
            continue
        heading = f"{title}: {section.title}" if index == 0 else section.title
        section.figure.suptitle(heading, x=0.01, ha="left")
        canvas = FigureCanvasAgg(section.figure)
        canvas.draw()
        rows.append(np.asarray(canvas.buffer_rgba())[..., :3])
    width = max(row.shape[1] for row in rows)
    padded = [np.pad(row, ((0, 12), (0, width - row.shape[1]), (0, 0)), constant_values=255) for row in rows]
    buffer = BytesIO()
    imsave(buffer, np.concatenate(padded), format="png")
    return buffer.getvalue()
