"""Checkpoints and states of unfinished runs that were saved before the code was renamed still load, and mean the same.

The files in golden/before and the figures here were made by the code of then.
"""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from thinlens import checkpoint, nets
from thinlens.data.pairs import make_pairs
from thinlens.program import reference
from thinlens.training import GradientDescent, LeastSquares, Recipe, descent, least_squares
from thinlens.training.state import StateFile

BEFORE = Path(__file__).parent / "golden" / "before"
PICTURE = np.array([[0.0, 0.9], [0.3, 1.0], [0.6, 0.1]], np.float32)
RESULTS = {
    "eSR-TR_s2_K3_C1": [
        [0.309406, -0.479043, 0.986303, 0.192641],
        [-0.132347, 0.451947, 0.658011, 1.425661],
        [0.590774, -0.239427, 0.937382, 0.500157],
        [0.123592, 0.499965, 0.829399, 1.229704],
        [0.54797, 0.031086, -0.238954, -0.413321],
        [0.619428, 0.586983, 0.134635, 0.106041],
    ],
    "ECBSR_s2_M1_C2": [
        [0.358586, 0.305828, 1.255663, 1.215267],
        [0.237096, -0.052758, 1.135177, 0.845588],
        [0.651263, 0.717776, 1.341688, 1.398731],
        [0.564889, 0.174195, 1.277269, 0.890812],
        [0.947739, 1.048, 0.442297, 0.509193],
        [0.90606, 0.419288, 0.406862, -0.069547],
    ],
}


@pytest.mark.parametrize("identifier", RESULTS)
def test_checkpoints_of_before(identifier: str) -> None:
    module, provenance = checkpoint.load(BEFORE / f"{identifier}.checkpoint.safetensors")
    assert (str(module.config), module.padding) == (identifier, "edge")
    assert provenance == {
        "id": identifier,
        "padding": "edge",
        "color": "BT.601 full-range luma in [0, 1]",
        "recipe": "0123456789abcdef",
        "data": "none",
        "thinlens": "0.1.0",
    }
    with torch.no_grad():
        result = module(torch.from_numpy(PICTURE)[None, None])[0, 0]
    np.testing.assert_allclose(result, RESULTS[identifier], atol=2e-6, rtol=0)
    lowered = nets.lower(module)
    assert (lowered.name, lowered.scale) == (identifier, 2)
    np.testing.assert_allclose(reference.run(lowered, PICTURE), RESULTS[identifier], atol=4e-6, rtol=0)


def pairs(scale: int):
    return make_pairs(np.random.default_rng(0).integers(0, 256, (4, 48, 48, 3), np.uint8), scale)


def test_a_state_of_gradient_descent_of_before(tmp_path) -> None:
    method = GradientDescent("soap", steps=40, batch=4, patch=16, learning_rate=1e-3)
    recipe = Recipe("ESPCN_s2_D0_S2", method, "log-mse", seed=1, epsilon=200.0)
    shutil.copy(BEFORE / "soap.state", tmp_path)
    state = StateFile(tmp_path / "soap.state", f"{recipe.hash()} before")
    run = descent.Descent(nets.build(nets.parse(recipe.id), "edge"), pairs(2), recipe)
    assert run.restore(state) == 20
    saved, _ = checkpoint.read(state.path)
    assert run.tensors().keys() == saved.keys()
    assert all(torch.equal(value, saved[name]) for name, value in run.tensors().items())
    seen: list[int] = []
    module = nets.build(nets.parse(recipe.id), "edge")
    descent.fit(module, pairs(2), pairs(2), recipe, state, lambda done, *_: seen.append(done))
    assert seen == [30, 40]


def test_a_state_of_least_squares_of_before(tmp_path) -> None:
    recipe = Recipe("eSR-TM_s3_K3_C1", LeastSquares(steps=9, samples=400, starts=2), "log-mse", seed=1)
    shutil.copy(BEFORE / "least-squares.state", tmp_path)
    state = StateFile(tmp_path / "least-squares.state", f"{recipe.hash()} before")
    module = nets.build(nets.parse(recipe.id), "edge")
    seen: list[int] = []
    least_squares.fit(module, pairs(3), pairs(3), recipe, state, lambda done, *_: seen.append(done))
    assert seen[0] == 1 * (2 * 25 + 9) + 14  # one position is solved, and 13 steps of the next one's first trial
    saved, _ = checkpoint.read(BEFORE / "least-squares.state")
    corner = module.filter.weight.view(-1, 3, 3, 3, 3)[:, 0, 0]
    solved = saved["solved.0.0"].T.reshape(-1, 3, 3)
    assert torch.equal(corner, solved.mT)  # the corner is its own mirror image: of both, the transposed one is kept
