"""From checkpoints, ours and published ones, to programs in which branches are merged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from equivalence.tolerances import FLOAT  # noqa: E402
from programs import picture  # noqa: E402
from thinlens import checkpoint, nets  # noqa: E402
from thinlens.conversion import convert  # noqa: E402
from thinlens.program import load, reference  # noqa: E402


@pytest.mark.parametrize("identifier", ["ECBSR_s2_M1_C4", "ECBSR_s3_M2_C3_softplus_identity"])
@pytest.mark.parametrize("published", [False, True])
def test_a_program_of_ecbsr_holds_one_convolution_for_each_block(
    identifier: str, published: bool, tmp_path: Path
) -> None:
    torch.manual_seed(1)
    module = nets.build(nets.parse(identifier), "zero" if published else "edge")
    source, target = tmp_path / f"{identifier}.model", tmp_path / "program.safetensors"
    if published:
        torch.save(module.state_dict(), source)
    else:
        source = tmp_path / "network.safetensors"
        checkpoint.save(module, source, {"seed": 1})
    made = convert(source, target)
    blocks = module.config.blocks + 2
    names = [type(op).__name__ for op in load(target).ops]
    assert names == ["Convolution", "Activation"] * (blocks - 1) + ["Convolution", "Addition", "PixelShuffle"]
    assert made.name == identifier and made.uint8 is None
    assert made.provenance.get("published") == (source.name if published else None)
    low = picture(13, 9, False, np.float32)
    difference = reference.run(load(target), low) - reference.run(nets.lower(module), low)
    assert np.abs(difference).max() <= FLOAT
