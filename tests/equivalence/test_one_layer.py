"""One network through every form it has: module, reference, pipelines, ONNX; published files through to pixels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from equivalence.tolerances import FLOAT, INTEGER, LEVELS, PUBLISHED, TORCH
from programs import picture
from thinlens import nets
from thinlens.bake import to_fixed_point
from thinlens.kernels import compile
from thinlens.program import reference

IDS = [
    "Bicubic_s2",
    "Bicubic_s3",
    "eSR-MAX_s2_K3_C2",
    "eSR-MAX_s3_K5_C1",
    "eSR-TM_s2_K5_C4",
    "eSR-TM_s4_K3_C16",
    "eSR-TR_s2_K7_C4",
    "eSR-TR_s3_K3_C13",
]
PUBLISHED_IDS = ["eSR-MAX_s2_K7_C4", "eSR-TM_s3_K5_C4", "eSR-TR_s4_K7_C16"]
SIZES = [(1, 1), (2, 50), (37, 23)]


def run(module: torch.nn.Module, low: NDArray[np.float32]) -> NDArray[np.float32]:
    with torch.no_grad():
        return module(torch.from_numpy(low)[None, None])[0, 0].numpy()


@pytest.mark.parametrize("identifier", IDS)
def test_every_form_computes_the_same(identifier: str) -> None:
    torch.manual_seed(1)
    module = nets.build(nets.parse(identifier))
    program = nets.lower(module)
    compiled = compile(program)
    for seed, (height, width) in enumerate(SIZES):
        low = picture(height, width, False, np.float32, seed)
        wanted = reference.run(program, low)
        assert np.abs(run(module, low) - wanted).max() <= TORCH
        assert np.abs(compiled(low) - wanted).max() <= FLOAT
        for dtype in (np.uint8, np.uint16):
            levels = picture(height, width, False, dtype, seed)
            difference = compiled(levels).astype(int) - reference.run(program, levels)
            assert np.abs(difference).max() <= LEVELS


@pytest.mark.parametrize("identifier", IDS)
def test_every_form_computes_the_same_in_onnx(identifier: str) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    from thinlens.export import onnx_model

    torch.manual_seed(2)
    program = nets.lower(nets.build(nets.parse(identifier)))
    session = onnxruntime.InferenceSession(onnx_model.model(program).SerializeToString())
    low = picture(19, 31, False, np.float32)
    (result,) = session.run(None, {"picture": low[None, None]})
    assert np.abs(result[0, 0] - reference.run(program, low)).max() <= FLOAT


@pytest.mark.parametrize("identifier", ["Bicubic_s2", "Bicubic_s3", "eSR-MAX_s2_K3_C2", "eSR-MAX_s4_K5_C3"])
@pytest.mark.parametrize("weight_bits", [8, 16])
def test_baked_integers_are_exact(identifier: str, weight_bits: Any) -> None:
    torch.manual_seed(3)
    fixed = to_fixed_point(nets.lower(nets.build(nets.parse(identifier))), weight_bits)
    for color in (False, True):
        program = fixed.color if color else fixed
        levels = picture(37, 23, color, np.uint8)
        difference = compile(fixed)(levels).astype(int) - reference.run(program, levels)
        assert np.abs(difference).max() <= INTEGER


@pytest.mark.parametrize("identifier", PUBLISHED_IDS)
def test_published_weights_through_the_engine(identifier: str, tmp_path: Path) -> None:
    """A file of the published name, tensor name and shape, with random weights."""
    config = nets.parse(identifier)
    torch.manual_seed(4)
    authors = nets.build(config)
    weight = torch.empty_like(authors.get_parameter("filter.weight")).normal_(0, 0.1)
    weight[:, 0, weight.shape[2] // 2, weight.shape[3] // 2] += 0.5
    torch.save({"filter.weight": weight}, tmp_path / f"{identifier}.model")
    authors.load_state_dict({"filter.weight": weight})
    compiled = compile(nets.lower(nets.from_published(tmp_path / f"{identifier}.model")))
    for seed, (height, width) in enumerate(SIZES):
        low = picture(height, width, False, np.float32, seed)
        assert np.abs(compiled(low) - run(authors, low)).max() <= PUBLISHED
