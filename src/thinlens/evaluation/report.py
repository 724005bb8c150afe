"""Scores as a table for the terminal, as Markdown and as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence

from rich.table import Table

from .protocol import ImageScore, Score


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
    """All scores as a JSON list with a line for each; infinite PSNR becomes null.

    A picture is `[name, psnr, ssim]`, rounded to 4 and 6 decimals; means are not, so that no table rounds twice.
    """
    return "[\n" + ",\n".join(_line(score) for score in scores) + "\n]"


def from_json(text: str) -> list[Score]:
    """The inverse of `to_json`, but for what it rounds."""
    scores: list[Score] = []
    for fields in json.loads(text):
        fields["psnr"] = _number(fields["psnr"])
        fields["images"] = tuple(ImageScore(name, _number(psnr), ssim) for name, psnr, ssim in fields["images"])
        scores.append(Score(**fields))
    return scores


def _line(score: Score) -> str:
    images = [[image.name, _finite(round(image.psnr, 4)), round(image.ssim, 6)] for image in score.images]
    fields = {**vars(score), "psnr": _finite(score.psnr), "images": images}
    return json.dumps(fields, ensure_ascii=False, allow_nan=False)


def _finite(psnr: float) -> float | None:
    return None if psnr == float("inf") else psnr


def _number(psnr: float | None) -> float:
    return float("inf") if psnr is None else psnr


def _cells(scores: Sequence[Score]) -> list[list[str]]:
    sets = list(dict.fromkeys((score.data, score.known) for score in scores))
    found = {(score.model, score.scale, score.data): f"{score.psnr:.2f} / {score.ssim:.4f}" for score in scores}
    rows = [
        [model, f"×{scale}", *(found.get((model, scale, name), "") for name, _ in sets)]
        for model, scale in dict.fromkeys((score.model, score.scale) for score in scores)
    ]
    return [["model", "scale", *(name if known else f"{name}*" for name, known in sets)], *rows]
