"""Tables of rows that were never trained, for reports."""

from __future__ import annotations

from math import log10
from pathlib import Path

from thinlens.search import Row, Table, Timed, Trained, Trial, pool
from thinlens.search.pool import Candidate, opencv_cubic

SETTINGS = {"photos": "0123456789abcdef", "size": [640, 360], "threads": 2, "sets": ["Set5", "Set14", "BSD100"]}


def row(candidate: Candidate) -> Row:
    """As if it had been trained and timed."""
    quality = 29 + 1.3 * log10(candidate.multiplications) + len(candidate.identifier) % 7 / 10
    milliseconds = 0.5 + candidate.multiplications / 37
    scores = {name: (quality + index, 0.9123456) for index, name in enumerate(SETTINGS["sets"])}
    trained = Trained(quality, scores, 4 * candidate.parameters, 0, 20.5, "a machine")
    engines = {"onnxruntime": 9.123456 * milliseconds} if candidate.multiplications < 50 else {}
    place = "Some Processor (avx2, fma), 2 processors; 2 threads; 640×360; 2026-11-26"
    timed = Timed(milliseconds, 0.99 * milliseconds, 1.02 * milliseconds, 3_000_000, 0.0123456, engines, place)
    return Row.begun(Trial(candidate), trained).timed(timed)


def fill(folder: Path, candidates: list[Candidate] | None = None) -> list[Row]:
    """Make the table of a search over the pool; its rows."""
    chosen = (candidates or pool()) + [opencv_cubic(scale) for scale in (2, 3, 4)]
    rows = [row(each) for each in chosen]
    rows.append(Row.begun(Trial(Candidate("eSR-MAX_s2_K99_C1", "eSR-MAX", 2, 1, 1.0)), "ValueError: </script> & <b>"))
    with Table(folder, SETTINGS) as table:
        table.write(*rows)
    return rows
