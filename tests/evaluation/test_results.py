"""What documents say of speed and scores is what benchmarks/results has."""

from __future__ import annotations

import re
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest

from thinlens.evaluation import Speed
from thinlens.evaluation.report import from_json

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results"
OTHER = ("speed-build", "speed-peak")
"""Not of `thinlens.evaluation`."""
SPEEDS = [path for path in sorted(RESULTS.glob("speed-*.json")) if path.stem not in OTHER]


def script(name: str) -> Any:
    """A module of benchmarks/."""
    specification = spec_from_file_location(f"benchmarks_{name}", ROOT / "benchmarks" / f"{name}.py")
    assert specification is not None and specification.loader is not None
    module = module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_the_readme_has_the_figures_of_the_results() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert script("readme").rewritten(readme) == readme, (
        "README.md differs from the results: python benchmarks/readme.py"
    )


def test_a_readme_with_other_figures_is_mended() -> None:
    readme, text = script("readme"), (ROOT / "README.md").read_text(encoding="utf-8")
    start, end = text.index(readme.START), text.index(readme.END)
    for figure in re.findall(r"\d+\.\d+", text[start:end]):
        assert readme.rewritten(text[:start] + text[start:end].replace(figure, "9.99") + text[end:]) == text
    with pytest.raises(ValueError, match="README.md must have the lines <!-- Made by"):
        readme.rewritten(text.replace(readme.END, ""))


def test_scores_md_has_the_scores_of_scores_json() -> None:
    text = (RESULTS / "scores.md").read_text(encoding="utf-8")
    (day,) = re.findall(r"\d{4}-\d\d-\d\d", text)
    scores = from_json((RESULTS / "scores.json").read_text(encoding="utf-8"))
    assert script("scores").text(scores, day) == text, "scores.md differs from scores.json: run benchmarks/scores.py"


@pytest.mark.parametrize("path", SPEEDS, ids=lambda path: path.stem)
def test_speed_md_has_the_times_of_every_file(path: Path) -> None:
    speed, text = Speed.from_json(path.read_text(encoding="utf-8")), (RESULTS / "speed.md").read_text(encoding="utf-8")
    assert speed.timings and speed.markdown() in text, "speed.md differs from the results: run benchmarks/speed.py"
