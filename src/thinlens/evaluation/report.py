"""Scores as a table for the terminal, as Markdown and as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict

from rich.table import Table

from .protocol import Score


def table(scores: Sequence[Score]) -> Table:
    """A row per model and scale, a column per set with "PSNR dB / SSIM"; a star marks sets that are not known ones."""
    head, *rows = _cells(scores)
    result = Table(*head[:2])
    for name in head[2:]:
        result.add_column(name, justify="right")
    for row in rows:
        result.add_row(*row)
    return result


def markdown(scores: Sequence[Score]) -> str:
    """The same as a Markdown table, ending in a newline."""
    head, *rows = _cells(scores)
    rule = ["---", "---", *["---:"] * (len(head) - 2)]
    return "".join(f"| {' | '.join(row)} |\n" for row in [head, rule, *rows])


def to_json(scores: Sequence[Score]) -> str:
    """All fields of all scores, pictures included, as a JSON list; infinite PSNR becomes null."""
    return json.dumps([_finite(asdict(score)) for score in scores], indent=2, allow_nan=False)


def _finite(value: object) -> object:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if value == float("inf") else value


def _cells(scores: Sequence[Score]) -> list[list[str]]:
    sets = list(dict.fromkeys((score.data, score.known) for score in scores))
    found = {(score.model, score.scale, score.data): f"{score.psnr:.2f} / {score.ssim:.4f}" for score in scores}
    rows = [
        [model, f"×{scale}", *(found.get((model, scale, name), "") for name, _ in sets)]
        for model, scale in dict.fromkeys((score.model, score.scale) for score in scores)
    ]
    return [["model", "scale", *(name if known else f"{name}*" for name, known in sets)], *rows]
