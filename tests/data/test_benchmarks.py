"""Folders of pictures: their order, their digest, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import pyvips

from thinlens.data import benchmarks
from thinlens.data.benchmarks import open_benchmark


def write(path: Path, seed: int, shape: tuple[int, ...] = (8, 9, 3), dtype: type = np.uint8) -> None:
    pyvips.Image.new_from_array(np.random.default_rng(seed).integers(0, 256, shape).astype(dtype)).write_to_file(
        str(path)
    )


def test_pictures_in_the_order_of_their_names(tmp_path: Path) -> None:
    for seed, name in enumerate(["b.png", "a.png", "c.PNG"]):
        write(tmp_path / name.lower(), seed, (8, 9) if name == "b.png" else (8, 9, 3))
    (tmp_path / "c.png").rename(tmp_path / "c.PNG")
    for name in ("notes.txt", "._a.png"):
        (tmp_path / name).write_text("no picture")
    opened = open_benchmark(tmp_path)
    assert (opened.name, opened.known) == (tmp_path.name, False)
    assert [(name, picture.shape, picture.dtype) for name, picture in opened.pictures()] == [
        ("a.png", (8, 9, 3), np.uint8),
        ("b.png", (8, 9), np.uint8),
        ("c.PNG", (8, 9, 3), np.uint8),
    ]


def test_a_known_set_is_known_by_its_bytes_not_its_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for seed in range(3):
        write(tmp_path / f"{seed}.png", seed)
    digest = open_benchmark(tmp_path).digest
    monkeypatch.setitem(benchmarks.KNOWN, digest, "Set3")
    (tmp_path / "0.png").rename(tmp_path / "zebra.png")
    assert (open_benchmark(tmp_path).name, open_benchmark(tmp_path).known) == ("Set3", True)
    write(tmp_path / "zebra.png", 7)
    assert not open_benchmark(tmp_path).known


def test_refusals(tmp_path: Path) -> None:
    with pytest.raises(NotADirectoryError, match="is not a folder of pictures"):
        open_benchmark(tmp_path / "none")
    with pytest.raises(ValueError, match="has no pictures"):
        open_benchmark(tmp_path)
    write(tmp_path / "deep.png", 0, dtype=np.uint16)
    with pytest.raises(ValueError, match="16 bits per channel"):
        list(open_benchmark(tmp_path).pictures())
