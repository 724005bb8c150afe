"""Photos through pipes."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from thinlens.photo import Photo, read, write
from thinlens.program import Convolution, PixelShuffle, Program, save
from thinlens.streams import upscale_stream

NEAREST = Program("nearest", (Convolution(0, np.ones((4, 1, 1, 1), np.float32)), PixelShuffle(1, 2)))


@pytest.fixture
def low(tmp_path: Path) -> Path:
    write(Photo(np.random.default_rng(0).integers(0, 256, (9, 7)).astype(np.uint8)), tmp_path / "low.png")
    return tmp_path / "low.png"


def check(low: Path, found: bytes, folder: Path) -> None:
    (folder / "found").write_bytes(found)
    np.testing.assert_array_equal(read(folder / "found").pixels, read(low).pixels.repeat(2, 0).repeat(2, 1))


@pytest.mark.parametrize(("format", "beginning"), [("png", b"\x89PNG"), ("tif", b"II*\0")])
def test_from_stream_to_stream(low: Path, tmp_path: Path, format: str, beginning: bytes) -> None:
    target = io.BytesIO()
    upscale_stream(io.BytesIO(low.read_bytes()), target, format=format, model=NEAREST)
    assert target.getvalue().startswith(beginning)
    check(low, target.getvalue(), tmp_path)


def test_from_stream_to_file_and_from_file_to_stream(low: Path, tmp_path: Path) -> None:
    upscale_stream(io.BytesIO(low.read_bytes()), tmp_path / "high.png", model=NEAREST)
    check(low, (tmp_path / "high.png").read_bytes(), tmp_path)
    target = io.BytesIO()
    upscale_stream(low, target, format="png", model=NEAREST)
    check(low, target.getvalue(), tmp_path)


def test_errors_name_the_stream(low: Path) -> None:
    target = io.BytesIO()
    with pytest.raises(ValueError, match="^standard input is not a JPEG"):
        upscale_stream(io.BytesIO(b"Dear diary"), target, format="png", model=NEAREST)
    with pytest.raises(ValueError, match="^standard input is empty"):
        upscale_stream(io.BytesIO(b""), target, format="png", model=NEAREST)
    with pytest.raises(ValueError, match="^the result has no name to tell the format; give one, as --format png"):
        upscale_stream(low, target, model=NEAREST)
    assert target.getvalue() == b""


def test_through_the_command(low: Path, tmp_path: Path) -> None:
    save(NEAREST, tmp_path / "nearest.safetensors")
    command = [sys.executable, "-m", "thinlens.cli", "upscale", "-", "-m", "nearest.safetensors"]

    def call(*arguments: str, data: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        return subprocess.run([*command, *arguments], input=data, capture_output=True, cwd=tmp_path)

    done = call("--format", "png", data=low.read_bytes())
    assert (done.returncode, done.stderr) == (0, b"")
    check(low, done.stdout, tmp_path)
    done = call("-o", "high.png", data=low.read_bytes())
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    check(low, (tmp_path / "high.png").read_bytes(), tmp_path)
    for arguments, message in (
        (["-o", "high.png"], b"thinlens: high.png is there already; give --overwrite\n"),
        ([], b"thinlens: the result has no name to tell the format; give one, as --format png\n"),
        (["--json"], b"thinlens: - stands for one photo; leave out the others, --json and --cluster\n"),
        (["--format", "png"], b"thinlens: standard input is empty\n"),
    ):
        done = call(*arguments)
        assert (done.returncode, done.stdout, done.stderr) == (2, b"", message)
