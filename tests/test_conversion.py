"""From checkpoints, ours and published ones, to programs in which branches are merged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from equivalence.tolerances import FLOAT  # noqa: E402
from programs import picture  # noqa: E402
from thinlens import checkpoint, nets  # noqa: E402
from thinlens.bake import fixed_point  # noqa: E402
from thinlens.conversion import convert  # noqa: E402
from thinlens.photo import Photo, write  # noqa: E402
from thinlens.program import Program, load, reference  # noqa: E402


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
    assert names == ["Convolution", "Activation"] * (blocks - 1) + ["Convolution", "Add", "PixelShuffle"]
    assert made.name == identifier and made.uint8 is None
    assert made.provenance.get("published") == (source.name if published else None)
    low = picture(13, 9, False, np.float32)
    difference = reference.run(load(target), low) - reference.run(nets.lower(module), low)
    assert np.abs(difference).max() <= FLOAT


def test_uint8_pictures_get_the_fixed_point_form_where_there_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(1)
    made: dict[str, Program] = {}
    for identifier in ("eSR-MAX_s2_K3_C1", "eSR-TM_s2_K3_C1"):
        torch.save(nets.build(nets.parse(identifier)).state_dict(), tmp_path / f"{identifier}.model")
        made[identifier] = convert(tmp_path / f"{identifier}.model", tmp_path / "program.safetensors")
    one, other = made.values()
    assert fixed_point.supports(one) is None and one.uint8 is not None and one.uint8.integer
    reason = (
        "eSR-TM_s2_K3_C1 has no fixed-point form: that takes one float Convolution, then PixelShuffle and ReduceMax"
    )
    assert str(fixed_point.supports(other)).startswith(reason) and other.uint8 is None

    def broken(_: Program) -> Program:
        raise ValueError("broken")

    monkeypatch.setattr(fixed_point, "to_fixed_point", broken)
    with pytest.raises(ValueError, match="^broken$"):
        convert(tmp_path / "eSR-MAX_s2_K3_C1.model", tmp_path / "program.safetensors")


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of three smooth photos, as large as crops need."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "photos"
    folder.mkdir()
    y, x = np.mgrid[:600, :580]
    for index in range(3):
        waves = [128 + 60 * np.sin(x / (9 + index + channel)) + 60 * np.cos(y / (7 + index)) for channel in range(3)]
        write(Photo(np.dstack(waves).astype(np.uint8)), folder / f"{index}.png")
    return folder


def test_quantized_layers_are_fitted_to_photos(photos: Path, tmp_path: Path) -> None:
    torch.manual_seed(1)
    source, target = tmp_path / "ECBSR_s2_M1_C4.model", tmp_path / "program.safetensors"
    torch.save(nets.build(nets.parse(source.stem)).state_dict(), source)
    made = convert(source, target, quantize=photos)
    assert made.uint8 is not None and made.uint8.quantized and not made.quantized
    loaded = load(target)
    y, x = np.mgrid[:40, :50]
    low = (128 + 60 * np.sin(x / 5) + 60 * np.cos(y / 4)).astype(np.uint8)
    in_bytes = reference.run(loaded, low).astype(int)
    in_float = reference.run(convert(source, target), low).astype(int)
    assert 0 < np.abs(in_bytes - in_float).mean() < 1
    assert convert(source, target).uint8 is None


def test_what_cannot_be_quantized(photos: Path, tmp_path: Path) -> None:
    source, target = tmp_path / "eSR-MAX_s2_K3_C1.model", tmp_path / "program.safetensors"
    torch.save(nets.build(nets.parse(source.stem)).state_dict(), source)
    with pytest.raises(ValueError, match="eSR-MAX_s2_K3_C1 has one layer: there is nothing to quantize"):
        convert(source, target, quantize=photos)
    source = tmp_path / "ESPCN_s2_D0_S3.model"
    torch.save(nets.build(nets.parse(source.stem)).state_dict(), source)
    with pytest.raises(ValueError, match="missing is not a folder of photos"):
        convert(source, target, quantize=tmp_path / "missing")
    assert not target.exists()
