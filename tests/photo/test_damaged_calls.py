"""Damaged files through the public calls and the command: refused, or kept with a sentence."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

import thinlens
from thinlens.cli import app


def cut(path: Path) -> Path:
    noise = np.random.default_rng(0).integers(0, 256, (60, 80, 3)).astype(np.uint8)
    Image.fromarray(noise).save(path)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 2 // 3])
    return path


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_what_is_damaged_is_kept_where_asked_and_said(suffix: str, tmp_path: Path) -> None:
    source, target = cut(tmp_path / f"photo{suffix}"), tmp_path / "result.png"
    with pytest.raises(ValueError, match="give --keep-damaged"):
        thinlens.upscale_file(source, target, model="fast")
    assert not target.exists()
    done = thinlens.upscale_file(source, target, model="fast", keep_damaged=True)
    assert len(done.notes) == 1 and "what could be read of it was taken" in done.notes[0]
    assert Image.open(target).size == (160, 120)


def test_the_command_says_what_it_kept(tmp_path: Path) -> None:
    source, target = cut(tmp_path / "photo.png"), tmp_path / "result.png"
    command = ["upscale", str(source), "-m", "fast", "-o", str(target)]
    done = CliRunner().invoke(app, [*command, "--keep-damaged"])
    assert done.exit_code == 0 and "what could be read of it was taken" in done.stderr
    done = CliRunner().invoke(app, [*command, "--keep-damaged", "--overwrite", "--json"])
    line = json.loads(done.stdout.splitlines()[0])
    assert line["status"] == "done" and "damaged" in line["notes"][0]
