"""Make docs/dysample.svg, the four variants of DySample in one drawing: python docs/drawing.py"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

WIDTH, ROW, TOP, BOX = 1020, 92, 58, 44
"""Of the drawing, of a variant, above the first, of a box, in pixels."""
PLAIN, LEARNED, FIXED = "#f3f4f6", "#dbeafe", "#fef3c7"
VARIANTS = (
    ("DySample", "lp, static", False, False),
    ("DySample+", "lp, dynamic", False, True),
    ("DySample-S", "pl, static", True, False),
    ("DySample-S+", "pl, dynamic", True, True),
)
COLUMNS = (150, 300, 450, 600, 750)
"""Where the boxes of a row begin."""


def box(x: float, y: float, lines: tuple[str, ...], fill: str, height: float = BOX, width: float = 118) -> str:
    """A box with some lines of text in its middle."""
    parts = [f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="5" fill="{fill}" stroke="#374151"/>']
    for index, line in enumerate(lines):
        middle = y + height / 2 + 4 + 14 * (index - (len(lines) - 1) / 2)
        parts.append(f'<text x="{x + width / 2}" y="{middle}" text-anchor="middle" font-size="12">{line}</text>')
    return "".join(parts)


def arrow(*points: tuple[float, float]) -> str:
    """A line with a head at its end."""
    path = " ".join(f"{x},{y}" for x, y in points)
    return f'<polyline points="{path}" fill="none" stroke="#374151" marker-end="url(#head)"/>'


def variant(index: int) -> list[str]:
    """One row: from the features to where they are read."""
    name, style, shuffled, dynamic = VARIANTS[index]
    y = TOP + index * ROW
    middle = y + BOX / 2
    parts = [
        f'<text x="14" y="{middle - 2}" font-size="14" font-weight="bold">{name}</text>',
        f'<text x="14" y="{middle + 15}" font-size="12" fill="#4b5563">{style}</text>',
    ]
    layer, shuffle = ("1×1 convolution", "to 2g" if shuffled else "to 2g·s²"), ("pixel shuffle",)
    first, second = (shuffle, layer) if shuffled else (layer, shuffle)
    at, factor = (COLUMNS[2] if shuffled else COLUMNS[1]), ("× ½ scope",) if dynamic else ("× ¼",)
    parts.append(box(COLUMNS[0], y, ("features", "C, H × W"), PLAIN))
    parts.append(box(COLUMNS[1], y, first, PLAIN if shuffled else LEARNED))
    parts.append(box(COLUMNS[2], y, second, LEARNED if shuffled else PLAIN))
    parts.append(box(COLUMNS[3], y, (*factor, "+ own place"), FIXED))
    parts.append(box(COLUMNS[4], y, ("where to read", "2g, sH × sW"), PLAIN))
    parts += [arrow((start + 118, middle), (end - 2, middle)) for start, end in pairwise(COLUMNS)]
    if dynamic:
        below = y + BOX + 6
        parts.append(box(at, below, ("1×1, sigmoid",), LEARNED, 22))
        before = at - 16
        parts.append(arrow((before, middle), (before, below + 11), (at - 2, below + 11)))
        parts.append(arrow((at + 118, below + 11), (COLUMNS[3] + 59, below + 11), (COLUMNS[3] + 59, y + BOX + 2)))
    return parts


def drawing() -> str:
    """The whole drawing."""
    height = TOP + len(VARIANTS) * ROW
    head = (
        '<marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0,0 L8,4 L0,8 z" fill="#374151"/></marker>'
    )
    title = "g groups of channels, scale s; blue is learned, yellow is fixed"
    last = COLUMNS[4] + 118
    middles = [TOP + index * ROW + BOX / 2 for index in range(len(VARIANTS))]
    lines = ("features", "sampled there,", "bilinearly", "C, sH × sW")
    sampled = box(last + 32, TOP, lines, FIXED, middles[-1] + BOX / 2 - TOP, 104)
    joins = [arrow((last, middle), (last + 30, middle)) for middle in middles]
    rows = [part for index in range(len(VARIANTS)) for part in variant(index)]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif">',
            f'<rect width="100%" height="100%" fill="white"/><defs>{head}</defs>',
            f'<text x="14" y="28" font-size="13" fill="#4b5563">{title}</text>',
            *rows,
            *joins,
            sampled,
            "</svg>\n",
        ]
    )


if __name__ == "__main__":
    (Path(__file__).parent / "dysample.svg").write_text(drawing(), encoding="utf-8")
