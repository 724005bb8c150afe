"""Entries of tables as what is trained: the same pictures as the reference, and better ones afterwards."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from thinlens import bake, checkpoint, nets, program  # noqa: E402
from thinlens.conversion import convert  # noqa: E402
from thinlens.data.pairs import Pairs  # noqa: E402
from thinlens.photo import Photo, write  # noqa: E402
from thinlens.program import Program, reference  # noqa: E402
from thinlens.training import GradientDescent, Recipe  # noqa: E402
from thinlens.training.entries import Tables, fine_tune, supports  # noqa: E402

IDENTIFIERS = ("EC-LUT_s2", "EC-LUT_s3_block_diagonal", "SR-LUT-V_s4", "SR-LUT-S_s2", "LUT_s2_K3_C3")


def tables_of(identifier: str) -> Program:
    torch.manual_seed(3)
    made = bake.fuse(nets.lower(nets.build(nets.parse(identifier), "edge")))
    layered = bake.to_layered_tables(made, nets.lut.TABLE_LEVELS) if identifier.startswith("LUT") else None
    return replace(made, uint8=layered or bake.tabulate(made))


@pytest.mark.parametrize("identifier", IDENTIFIERS)
def test_the_differentiable_form_gives_what_the_reference_gives(identifier: str) -> None:
    made = tables_of(identifier)
    assert made.uint8 is not None
    picture = np.random.default_rng(0).integers(0, 256, (2, 14, 17), np.uint8)
    with torch.no_grad():
        found = Tables(made.uint8)(torch.from_numpy(picture / np.float32(255))).clamp(0, 1).numpy() * 255
    wanted = np.stack([reference.run(made, plane) for plane in picture])
    border = made.uint8.halo * made.scale
    inner = (..., slice(border, -border), slice(border, -border))
    assert np.abs(found[inner] - wanted[inner]).max() <= 0.5 + 1 / 64


def pairs_of(scale: int, seed: int) -> Pairs:
    """Steps at random places, which a table learns at once."""
    random = np.random.default_rng(seed)
    high = np.kron(random.random((6, 9, 9)) > 0.5, np.ones((2 * scale, 2 * scale))).astype(np.float32)
    low = high[:, ::scale, ::scale]
    return Pairs(np.ascontiguousarray(low), high, scale)


@pytest.mark.parametrize("identifier", ["EC-LUT_s2_block", "LUT_s2_K3_C3"])
def test_fine_tuned_tables_are_better_and_still_a_program(identifier: str, tmp_path: Path) -> None:
    made = tables_of(identifier)
    recipe = Recipe(identifier, GradientDescent("adam", steps=20, batch=4, patch=18, learning_rate=4.0), "log-mse")
    seen: list[float] = []
    better = fine_tune(made, pairs_of(2, 0), pairs_of(2, 1), recipe, lambda done, total, loss, psnr: seen.append(psnr))
    measured = [value for value in seen if not np.isnan(value)]
    assert max(measured) > measured[0] + 0.5
    assert better.uint8 is not None and made.uint8 is not None
    assert [type(op) for op in better.uint8.ops] == [type(op) for op in made.uint8.ops]
    program.save(better, tmp_path / "better.safetensors")
    picture = np.random.default_rng(5).integers(0, 256, (9, 11), np.uint8)
    again = reference.run(program.load(tmp_path / "better.safetensors"), picture)
    np.testing.assert_array_equal(again, reference.run(better, picture))


def test_convert_fine_tunes_checkpoints_and_programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("thinlens.training.run.ENTRIES", GradientDescent("adam", steps=1, batch=1, patch=8))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    photos = tmp_path / "photos"
    photos.mkdir()
    for name in "ab":
        pixels = np.random.default_rng(ord(name)).integers(0, 256, (300, 300, 3), np.uint8)
        write(Photo(pixels), photos / f"{name}.png")
    checkpoint.save(nets.build(nets.parse("SR-LUT-V_s2"), "edge"), tmp_path / "network.safetensors", {})
    made = convert(tmp_path / "network.safetensors", tmp_path / "first.safetensors", fine_tune=photos)
    assert len(made.provenance["entries_recipe"]) == len(made.provenance["entries_data"]) == 16
    again = convert(tmp_path / "first.safetensors", tmp_path / "second.safetensors", fine_tune=photos)
    assert again.uint8 is not None and again.name == "SR-LUT-V_s2"
    checkpoint.save(nets.build(nets.parse("eSR-MAX_s2_K3_C1")), tmp_path / "other.safetensors", {})
    with pytest.raises(ValueError, match="eSR-MAX_s2_K3_C1 has operations besides tables|has no tables for 8-bit"):
        convert(tmp_path / "other.safetensors", tmp_path / "third.safetensors", fine_tune=photos)
    assert not (tmp_path / "third.safetensors").exists()


def test_programs_without_tables_say_so() -> None:
    made = bake.fuse(nets.lower(nets.build(nets.parse("ECBSR_s2_M1_C2"))))
    assert "there are no entries to fine-tune" in str(supports(made))
