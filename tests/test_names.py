"""Names, folders, pipes and terminals as people have them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from thinlens import files
from thinlens.cli.options import size_of
from thinlens.jobs import Job, plan
from thinlens.photo import Photo, write

PIXELS = np.random.default_rng(0).integers(0, 256, (6, 8, 3)).astype(np.uint8)


def photo(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    write(Photo(PIXELS), path)
    return path


def said(*arguments: str | bytes, **options: object) -> subprocess.CompletedProcess[bytes]:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), **options.pop("env", {})}  # type: ignore[dict-item]
    command = [sys.executable, "-m", "thinlens", *arguments]
    return subprocess.run(command, capture_output=True, env=environment, **options)  # type: ignore[call-overload]


def test_sizes_with_any_cross() -> None:
    assert size_of("100x90") == size_of("100X90") == size_of("100×90") == (100, 90)


def test_patterns_in_folders_with_brackets(tmp_path: Path) -> None:
    low = photo(tmp_path / "Holiday [2019]" / "1.png")
    assert plan([f"{low.parent}/*.png"], tmp_path / "out", "x2") == [Job(low, tmp_path / "out" / "1.png")]


def test_a_new_folder_for_one_photo(tmp_path: Path) -> None:
    low = photo(tmp_path / "a.png")
    assert plan([low], f"{tmp_path}/new/", "x2") == [Job(low, tmp_path / "new" / "a.png")]
    assert plan([low], tmp_path / "results" / "big.png", "x2") == [Job(low, tmp_path / "results" / "big.png")]
    assert (tmp_path / "new").is_dir() and (tmp_path / "results").is_dir()


def test_a_file_for_a_folder_is_refused(tmp_path: Path) -> None:
    photo(tmp_path / "photos" / "a.png")
    with pytest.raises(ValueError, match=r"result\.png is the name of one photo; give a folder for"):
        plan([tmp_path / "photos"], tmp_path / "result.png", "x2")
    assert not (tmp_path / "result.png").exists()


def test_a_result_named_without_o(tmp_path: Path) -> None:
    low = photo(tmp_path / "a.png")
    with pytest.raises(FileNotFoundError, match=r"out\.png does not exist; if it is to be the result, type -o"):
        plan([low, tmp_path / "out.png"], None, "x2")


def test_going_on_beside_own_results(tmp_path: Path) -> None:
    lows = [photo(tmp_path / name) for name in ("a.png", "b.png")]
    first = plan(lows, None, "x2")
    for job in first:
        photo(job.target)
    assert plan(sorted(tmp_path.glob("*.png")), None, "x2", may_exist=True, go_on=True) == first


def test_linked_folders_are_followed_once(tmp_path: Path) -> None:
    low = photo(tmp_path / "photos" / "a.png")
    photo(tmp_path / "album" / "c.png")
    (low.parent / "linked").symlink_to(tmp_path / "album")
    (low.parent / "loop").symlink_to(low.parent)
    found = [job.target.relative_to(tmp_path / "out") for job in plan([low.parent], tmp_path / "out", "x2")]
    assert found == [Path("a.png"), Path("linked/c.png")]


def test_a_name_without_room_for_the_label(tmp_path: Path) -> None:
    low = photo(tmp_path / ("x" * 251 + ".png"))
    with pytest.raises(ValueError, match="would have a name of over 255 bytes; give one with -o$"):
        plan([low], None, "x2")
    assert plan([low], tmp_path / ("y" * 251 + ".png"), "x2")[0].source == low


def test_a_link_stays_and_what_it_points_to_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "alias").symlink_to(tmp_path / "real")
    files.write_whole(b"new", tmp_path / "alias")
    assert (tmp_path / "alias").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["alias", "real"]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_names_that_are_no_text_on_terminals_that_know_only_ascii(tmp_path: Path) -> None:
    photo(tmp_path / "plain.png")
    name = os.path.join(os.fsencode(tmp_path), b"caf\xe9.png")  # noqa: PTH118
    (tmp_path / "plain.png").rename(os.fsdecode(name))
    done = said("upscale", name, "-m", "fast", env={"PYTHONIOENCODING": "ascii"})
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().endswith(b"caf\\udce9-x2.png")
    assert Path(os.fsdecode(name.replace(b".png", b"-x2.png"))).is_file()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_pipes_by_name(tmp_path: Path) -> None:
    low, pipe = photo(tmp_path / "a.png"), tmp_path / "pipe.png"
    os.mkfifo(pipe)
    writing = subprocess.Popen(["cp", str(low), str(pipe)])
    done = said("upscale", str(pipe), "--output", "/dev/stdout", "--format", "png", "-m", "fast")
    assert writing.wait(60) == 0
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(b"\x89PNG")


def test_what_to_type(tmp_path: Path) -> None:
    done = said("photo.jpg")
    assert done.returncode == 2
    assert b"'photo.jpg' is no verb; to enlarge a photo, type: thinlens upscale photo.jpg" in done.stderr
    assert said("-V").stdout.startswith(b"thinlens ")
