"""What the released models make of a picture stays byte for byte what it was, and files of before still load.

The digests in golden/outputs.json and the files in golden/before were made by the code before the change of names, of
2026-11-26; those of ESPCN in uint8 are newer, from when its tanh became the same on every processor. One model gives
one picture on all processors with fused multiply-adds: whatever of them this machine can run is asked.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

import processors
from programs import picture
from thinlens import models, run
from thinlens.kernels import Compiled
from thinlens.kernels.host import processor_of
from thinlens.program import dump, load, save

GOLDEN = Path(__file__).parent / "golden"
DIGESTS: dict[str, str] = json.loads((GOLDEN / "outputs.json").read_text(encoding="utf-8"))
SIZES = ((1, 1), (1, 37), (23, 1), (7, 5), (67, 131))
PROCESSORS = [name for name in processors.HERE if "fma" in processors.HERE[name]]
QUICK = ("eSR-MAX_s2_K3_C2", "eSR-MAX_s3_K3_C2", "ECBSR_s2_M2_C8", "eSR-TR_s2_K5_C4")
FILES = sorted((GOLDEN / "before").glob("*.program.safetensors"))


def digest(compiled: Compiled, color: bool, dtype: str) -> str:
    result = hashlib.sha256()
    for height, width in SIZES:
        result.update(compiled(picture(height, width, color, np.dtype(dtype))).tobytes())
    return result.hexdigest()[:16]


def check(identifier: str, processor: str, kinds: tuple[str, ...]) -> None:
    compiled = Compiled(run.load(identifier), processor_of(processors.HERE[processor]))
    for kind in kinds:
        color, dtype = kind.split()
        found = digest(compiled, color == "RGB", dtype)
        assert found == DIGESTS[f"{identifier} {kind}"], f"{identifier} {kind} on {processor}"


@pytest.mark.parametrize("processor", PROCESSORS)
@pytest.mark.parametrize("identifier", QUICK)
def test_outputs_are_what_they_were(identifier: str, processor: str) -> None:
    check(identifier, processor, ("luma uint8", "RGB uint8") if identifier.startswith("eSR") else ("luma uint8",))


@pytest.mark.slow
@pytest.mark.parametrize("processor", PROCESSORS)
@pytest.mark.parametrize("identifier", models.names())
def test_all_outputs_are_what_they_were(identifier: str, processor: str) -> None:
    check(identifier, processor, tuple(f"{c} {d}" for c in ("luma", "RGB") for d in ("uint8", "uint16", "float32")))


def test_every_released_model_has_digests() -> None:
    assert {key.split()[0] for key in DIGESTS} == set(models.names())


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_program_files_of_before_load(path: Path, tmp_path: Path) -> None:
    program = load(path)
    save(program, tmp_path / "again.safetensors")
    assert dump(load(tmp_path / "again.safetensors")) == dump(program)
    golden = (GOLDEN / f"{path.name.split('.')[0].replace('-', '_')}.txt").read_text(encoding="utf-8")
    assert dump(program) + "\n" == golden
