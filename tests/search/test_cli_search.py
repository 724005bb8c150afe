"""`thinlens search` in the shell."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from fake_search import candidates
from search_rows import fill, row
from thinlens import search as package
from thinlens.cli import app
from thinlens.cli.search import status_text
from thinlens.search import Row, Status, Trial, candidate


def invoke(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["search", *arguments])


def test_options_reach_the_search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, Any] = {}

    def search(out: Path, data: Path, chosen: list[Any], **options: Any) -> list[Row]:
        seen.update(options, out=out, data=data, chosen=[each.identifier for each in chosen])
        return [row(chosen[0]), Row.begun(Trial(chosen[0]), "ArithmeticError: it diverged")]

    monkeypatch.setattr(package, "search", search)
    filters = ["--family", "eSR-MAX", "--family", "FSRCNN", "-s", "3", "--max-multiplications", "27"]
    done = invoke("--out", str(tmp_path), "--data", "photos", *filters, "--adaptive", "--gpus", "0.25", "--set", "Set5")
    assert done.exit_code == 0, done.output
    assert seen["chosen"] == ["eSR-MAX_s3_K3_C1", "eSR-MAX_s3_K3_C2", "eSR-MAX_s3_K3_C3", "eSR-MAX_s3_K5_C1"]
    assert (seen["budget"], seen["gpus"], seen["sets"]) == (1 / 3, 0.25, [Path("Set5")])
    assert (
        "ArithmeticError: it diverged" in done.output
        and "1 trials, 1 failed; now: thinlens search report" in done.output
    )
    invoke(
        "--out", str(tmp_path), "--data", "photos", "--network", "real-run", "--network", "ECBSR_s2_M3_C8", "-s", "2"
    )
    assert len(seen["chosen"]) == 38 and seen["chosen"][-1] == "ECBSR_s2_M3_C8" and seen["budget"] is None


def test_options_that_do_not_go_together(tmp_path: Path) -> None:
    assert str(invoke("--out", str(tmp_path)).exception) == (
        "a search needs a folder and photos: thinlens search --out DIR --data PHOTOS"
    )
    both = invoke("--out", "a", "--data", "b", "--network", "real-run", "--family", "FSRCNN")
    assert "--network and the filters of the pool contradict each other" in str(both.exception)


def test_report(tmp_path: Path) -> None:
    fill(tmp_path, [candidate("eSR-MAX_s2_K3_C2"), candidate("Bicubic_s2")])
    done = invoke("report", str(tmp_path), "--quality", "Set5")
    assert done.exit_code == 0, done.output
    assert "eSR-MAX_s2_K3_C2" in done.output and "PSNR: Set5" in done.output
    assert (tmp_path / "report.html").exists() and (tmp_path / "front.png").exists()


def test_the_live_lines() -> None:
    rows = [row(each) for each in candidates()[:2]]
    status = Status(12, 2, 1, 3, 4000.0, {2: {1.0: rows[0], 3.0: rows[1]}})
    assert status_text(status) == (
        "12 done, 2 running, 1 failed, 3 to be timed, 1 h 7 min left\n"
        "×2: ≤ 1 ms eSR-MAX_s2_K3_C1 30.44 dB · ≤ 3 ms eSR-MAX_s2_K3_C2 30.83 dB"
    )
