"""What workers do, in this process: real trainings, of noise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from thinlens import program
from thinlens.data.pairs import Sampling
from thinlens.photo import Photo, write
from thinlens.search import Candidate, Settings, Trial, candidate
from thinlens.search import work as work_module
from thinlens.search.pool import opencv_cubic
from thinlens.search.row import Row
from thinlens.search.work import measure_time, train
from thinlens.training import GradientDescent, LeastSquares, Recipe

SMALL = Sampling(per_photo=2, size=48)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(work_module, "SAMPLING", SMALL)
    monkeypatch.setattr("thinlens.conversion.CALIBRATION", Sampling(per_photo=1, size=48))
    random = np.random.default_rng(0)
    for folder in ("photos", "Set"):
        (tmp_path / folder).mkdir()
        for index in range(3):
            smooth = random.integers(0, 256, (24, 30, 3)).repeat(3, 0).repeat(3, 1).astype(np.uint8)
            write(Photo(smooth), tmp_path / folder / f"{index}.png")
    return Settings(tmp_path / "photos", tmp_path / "out", (tmp_path / "Set",), (32, 24), 1)


def of(identifier: str, optimizer: LeastSquares | GradientDescent) -> Trial:
    return Trial(candidate(identifier), 1.0, Recipe(identifier, optimizer, "log-mse", sampling=SMALL))


@pytest.mark.parametrize(
    "trial",
    [
        of("eSR-MAX_s2_K3_C2", LeastSquares(2, 500, 1)),
        of("ECBSR_s2_M0_C8", GradientDescent("soap", 4, 2, 12)),
        Trial(candidate("Bicubic_s3")),
        Trial(opencv_cubic(2)),
    ],
    ids=lambda trial: trial.candidate.identifier,
)
def test_trained_scored_and_timed(settings: Settings, trial: Trial) -> None:
    result = train(trial, settings)
    assert 10 < result.validation < 60 and 10 < result.scores["Set"][0] < 60
    assert result.train_seconds > 0 and result.train_machine
    timed = measure_time(Row.begun(trial, result), settings)
    assert 0 < timed.lower <= timed.milliseconds <= timed.upper
    assert "1 threads; 32×24" in timed.timed_on
    if trial.recipe is not None:
        made = program.load(settings.program(trial.key))
        assert made.name == trial.candidate.identifier and made.uint8 is not None
        assert timed.memory_bytes is None or timed.memory_bytes >= 0
        again = train(trial, settings)  # what a lost worker had finished is taken as it is
        assert (again.validation, again.scores) == (result.validation, result.scores)


def test_other_engines_beside(settings: Settings) -> None:
    pytest.importorskip("onnxruntime")
    trial = of("eSR-MAX_s2_K3_C2", LeastSquares(1, 200, 1))
    timed = measure_time(Row.begun(trial, train(trial, settings)), settings, ["onnxruntime"])
    assert timed.engines["onnxruntime"] > 0


def test_what_cannot_be_trained_says_so(settings: Settings) -> None:
    trial = Trial(Candidate("Bicubic_s2", "Bicubic", 2, 100, 25.0), 1.0, Recipe("Bicubic_s2", LeastSquares()))
    with pytest.raises(ValueError, match="Bicubic_s2 has nothing to train"):
        train(trial, settings)
