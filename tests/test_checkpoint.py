"""Checkpoints come back as they were, and nothing else is taken for one."""

import pytest
import torch
from safetensors.torch import save_file

from thinlens import checkpoint, nets


def module(identifier: str = "eSR-TR_s2_K3_C2") -> torch.nn.Module:
    torch.manual_seed(0)
    return nets.build(nets.parse(identifier), "edge")


def test_a_checkpoint_comes_back_with_its_provenance(tmp_path) -> None:
    saved = module()
    checkpoint.save(saved, tmp_path / "a.safetensors", {"recipe": "abc"})
    loaded, provenance = checkpoint.load(tmp_path / "a.safetensors")
    assert torch.equal(loaded.filter.weight, saved.filter.weight)
    assert (loaded.config, loaded.padding) == (saved.config, "edge")
    assert provenance["recipe"] == "abc"
    assert provenance["id"] == "eSR-TR_s2_K3_C2"
    assert [path.name for path in tmp_path.iterdir()] == ["a.safetensors"]


def test_tensors_that_do_not_fit_the_id_are_refused(tmp_path) -> None:
    path = tmp_path / "a.safetensors"
    checkpoint.save(module(), path, {"id": "eSR-TR_s2_K5_C2"})
    with pytest.raises(ValueError, match=r"does not fit eSR-TR_s2_K5_C2: tensor 'filter.weight' is"):
        checkpoint.load(path)


def test_other_files_are_refused(tmp_path) -> None:
    path = tmp_path / "a.safetensors"
    save_file({"x": torch.zeros(1)}, path)
    with pytest.raises(ValueError, match="is not a thinlens checkpoint"):
        checkpoint.load(path)
    path.write_bytes(b"text")
    with pytest.raises(ValueError, match="is not a safetensors file, or is damaged"):
        checkpoint.load(path)
    with pytest.raises(FileNotFoundError):
        checkpoint.load(tmp_path / "missing")
