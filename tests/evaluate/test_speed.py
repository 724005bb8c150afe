"""Speed, measured side by side: the engines run the same network, and the figures carry their circumstances."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from equivalence.tolerances import FLOAT
from programs import float_program, picture
from thinlens.evaluate import benchmark, peers
from thinlens.program import Program, reference

PROGRAMS = [float_program("maximum", 2, 3, 2, padding="edge", bias=True), float_program("query*key", 3, 5, 2)]


def planes(result: Any) -> Any:
    if hasattr(result, "numpy"):
        return result.numpy()
    return next(iter(result.values())) if hasattr(result, "values") else result[0]


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino", "torch"])
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
def test_peers_run_the_same_network(program: Program, engine: str) -> None:
    pytest.importorskip(engine)
    if engine != "torch":
        pytest.importorskip("onnx")
    source = picture(19, 33, False, np.uint8)
    result = planes(peers.PEERS[engine](program, source, 1)())
    wanted = reference.run(program, source.astype(np.float32) / np.float32(255))
    assert np.abs(result[0, 0] - wanted).max() <= FLOAT


def test_a_measurement_carries_its_circumstances() -> None:
    speed = benchmark(PROGRAMS, size=(40, 30), threads=1, repeats=3)
    assert [timing.model for timing in speed.timings] == [program.name for program in PROGRAMS]
    assert all(0 < timing.lower <= timing.median <= timing.upper and timing.rounds == 3 for timing in speed.timings)
    assert speed.size == (40, 30) and speed.threads == 1 and speed.machine and speed.versions["halide"]
    assert speed.ratio(speed.timings[0]) == 1
    read = json.loads(speed.to_json())
    assert read["timings"][1]["scale"] == 3
    text = speed.markdown()
    assert text.startswith("luma uint8, 40×30 low; 1 threads; ") and "| query*key_s3_K5_C2 | " in text


def test_opencv_beside_us_in_color() -> None:
    pytest.importorskip("cv2")
    speed = benchmark(PROGRAMS[0], size=(40, 30), against=["opencv"], color=True, repeats=1)
    assert [timing.engine for timing in speed.timings] == ["thinlens", "opencv"]


def test_a_missing_engine_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ModuleNotFoundError(name=name)

    monkeypatch.setattr(peers, "import_module", missing)
    with pytest.raises(ImportError, match=r"cv2 is needed for this comparison: pip install 'thinlens\[benchmark\]'"):
        benchmark(PROGRAMS[0], size=(8, 8), against=["opencv"])


def test_bad_requests() -> None:
    with pytest.raises(ValueError, match="unknown engine 'tensorflow'; the known ones: opencv, onnxruntime"):
        benchmark(PROGRAMS[0], against=["tensorflow"])
    with pytest.raises(ValueError, match="size, threads and repeats must be at least 1, got 0x8"):
        benchmark(PROGRAMS[0], size=(0, 8))
