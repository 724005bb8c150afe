"""Scores as a table for the terminal, as Markdown and as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence

from rich.table import Table

from .protocol import ImageScore, Score

NAMES = ("model", "scale")
"""The columns that hold no figures."""


def table(scores: Sequence[Score]) -> Table:
    """A row per model, scale and quality of JPEG, if there is any, a column per set with "PSNR dB / SSIM".

    A star marks sets that are not known ones.
    """
    head, *rows = _cells(scores)
    result = Table()
    for name in head:
        result.add_column(name, justify="left" if name in NAMES else "right")
    for row in rows:
        result.add_row(*row)
    return result


def markdown(scores: Sequence[Score]) -> str:
    """The same as a Markdown table, ending in a newline."""
    head, *rows = _cells(scores)
    rule = ["---" if name in NAMES else "---:" for name in head]
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
    if score.jpeg is None:
        del fields["jpeg"]
    return json.dumps(fields, ensure_ascii=False, allow_nan=False)


def _finite(psnr: float) -> float | None:
    return None if psnr == float("inf") else psnr


def _number(psnr: float | None) -> float:
    return float("inf") if psnr is None else psnr


def _cells(scores: Sequence[Score]) -> list[list[str]]:
    sets = list(dict.fromkeys((score.data, score.known) for score in scores))
    found = {(_run(score), score.data): f"{score.psnr:.2f} / {score.ssim:.4f}" for score in scores}
    compressed = any(score.jpeg is not None for score in scores)
    head = [*NAMES, *(["JPEG"] if compressed else []), *(name if known else f"{name}*" for name, known in sets)]
    rows: list[list[str]] = []
    for run in dict.fromkeys(map(_run, scores)):
        model, scale, jpeg = run
        quality = [str(jpeg or "")] if compressed else []
        rows.append([model, f"×{scale}", *quality, *(found.get((run, name), "") for name, _ in sets)])
    return [head, *rows]


def _run(score: Score) -> tuple[str, int, int | None]:
    return score.model, score.scale, score.jpeg
