"""The command: what it prints, where it writes, how it ends."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from thinlens import cli, models, nets
from thinlens.batch import Outcome
from thinlens.jobs import Job, photos_kind
from thinlens.kernels.host import processor_of
from thinlens.photo import Photo, read, write
from thinlens.photo.formats import NAMES
from thinlens.program import Convolution, PixelShuffle, Program, load, save

Command = Callable[..., tuple[int, str, str]]
NEAREST = Program("nearest", (Convolution(0, np.ones((4, 1, 1, 1), np.float32)), PixelShuffle(1, 2)))


@pytest.fixture
def thinlens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Command:
    """Run the command in a folder with a.png, b.png and nearest.safetensors: its exit code, output and errors."""
    monkeypatch.chdir(tmp_path)
    save(NEAREST, "nearest.safetensors")
    for seed, name in enumerate("ab"):
        write(Photo(np.random.default_rng(seed).integers(0, 256, (6, 8, 3)).astype(np.uint8)), f"{name}.png")

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["thinlens", *(str(argument) for argument in arguments)])
        with pytest.raises(SystemExit) as end:
            cli.main()
        out, err = capfd.readouterr()
        assert "Traceback" not in err
        return int(end.value.code or 0), out, err

    return call


def doubled(path: str) -> np.ndarray[Any, Any]:
    return read(path).pixels.repeat(2, 0).repeat(2, 1)


def upscale(thinlens: Command, *arguments: object) -> tuple[int, str, str]:
    return thinlens("upscale", "-m", "nearest.safetensors", *arguments)


def close(found: np.ndarray[Any, Any], low: str) -> None:
    """Luma is exactly repeated and chroma is bicubic, so colors are near."""
    luma = np.array([0.299, 0.587, 0.114])
    inside = (found > 0) & (found < 255)
    difference = np.abs(found @ luma - doubled(low) @ luma)[inside.all(-1)]
    assert difference.max() <= 1.5


def test_one_photo_to_a_file(thinlens: Command) -> None:
    assert upscale(thinlens, "a.png", "-o", "high.tif", "--scale", 2) == (0, "high.tif\n", "")
    close(read("high.tif").pixels, "a.png")


def test_one_photo_into_a_folder_that_is_there(thinlens: Command) -> None:
    Path("out").mkdir()
    assert upscale(thinlens, "a.png", "-o", "out") == (0, "out/a.png\n", "")


def test_without_out_the_result_stands_beside_the_photo(thinlens: Command) -> None:
    assert upscale(thinlens, "a.png") == (0, "a-x2.png\n", "")
    assert read("a-x2.png").pixels.shape == (12, 16, 3)


def test_several_photos_into_a_folder_that_is_made(thinlens: Command) -> None:
    code, out, err = upscale(thinlens, "a.png", "b.png", "a.png", "-o", "made/out")
    assert (code, out) == (0, "2 of 2 photos enlarged, in made/out\n")
    assert "enlarging" in err
    close(read("made/out/a.png").pixels, "a.png")
    close(read("made/out/b.png").pixels, "b.png")


def test_a_folder_of_photos(thinlens: Command) -> None:
    code, out, _ = upscale(thinlens, ".", "-o", "out")
    assert (code, out) == (0, "2 of 2 photos enlarged, in out\n")
    assert sorted(path.name for path in Path("out").iterdir()) == ["a.png", "b.png"]


def test_a_folder_without_out_gets_one_beside_it(thinlens: Command, tmp_path: Path) -> None:
    Path("photos").mkdir()
    Path("a.png").rename("photos/a.png")
    code, out, _ = upscale(thinlens, "photos")
    assert (code, out) == (0, f"{tmp_path / 'photos-x2' / 'a.png'}\n")


def test_a_tree_of_photos(thinlens: Command) -> None:
    Path("photos/deep/er").mkdir(parents=True)
    Path("a.png").rename("photos/a.png")
    Path("b.png").rename("photos/deep/er/b.png")
    assert upscale(thinlens, "photos", "-o", "out")[:2] == (0, "2 of 2 photos enlarged, in out\n")
    assert Path("out/a.png").exists()
    assert Path("out/deep/er/b.png").exists()


def test_standard_output_is_redirected_for_a_cluster_only(thinlens: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def outcomes(jobs: list[Job], *_: object, **__: object) -> Iterator[Outcome]:
        print("from whoever does the work")
        yield from (Outcome(job) for job in jobs)

    monkeypatch.setattr("thinlens.batch.upscale_files", outcomes)
    monkeypatch.setattr("thinlens.cluster.upscale_files", outcomes)
    end = "2 of 2 photos enlarged, in out\n"
    assert upscale(thinlens, ".", "-o", "out")[:2] == (0, f"from whoever does the work\n{end}")
    code, out, err = upscale(thinlens, ".", "-o", "out", "--cluster", "local")
    assert (code, out) == (0, end)
    assert "from whoever does the work\n" in err
    code, out, err = upscale(thinlens, ".", "-o", "out", "--cluster", "local", "--json")
    assert [json.loads(line).get("done") for line in out.splitlines()] == [None, None, 2]


@pytest.mark.parametrize(
    ("wish", "name", "size"),
    [
        (["--scale", "1.5"], "a-x1.5.png", (12, 9)),
        (["--size", "20x10"], "a-20x10.png", (20, 10)),
        (["--width", "24"], "a-w24.png", (24, 18)),
        (["--height", "12"], "a-h12.png", (16, 12)),
        (["--fit", "100x30"], "a-fit100x30.png", (40, 30)),
        (["--long-side", "16", "--format", "webp"], "a-long16.webp", (16, 12)),
    ],
)
def test_exact_sizes(thinlens: Command, wish: list[str], name: str, size: tuple[int, int]) -> None:
    assert upscale(thinlens, "a.png", *wish) == (0, f"{name}\n", "")
    assert read(name).pixels.shape[1::-1] == size


def test_the_limit_can_be_changed(thinlens: Command) -> None:
    code, out, err = upscale(thinlens, "a.png", "--limit", "0.00001")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "limit" in err


def test_what_is_there_is_replaced_or_skipped_only_on_demand(thinlens: Command) -> None:
    Path("out").mkdir()
    Path("out/a.png").write_text("mine")
    code, out, err = upscale(thinlens, ".", "-o", "out")
    assert (code, out) == (2, "")
    assert err == "thinlens: out/a.png is there already; give --overwrite or --skip-existing\n"
    code, out, _ = upscale(thinlens, ".", "-o", "out", "--skip-existing")
    assert (code, out) == (0, "1 of 2 photos enlarged, 1 there already, in out\n")
    assert Path("out/a.png").read_text() == "mine"
    code, out, _ = upscale(thinlens, ".", "-o", "out", "--overwrite", "--jobs", 1)
    assert (code, out) == (0, "2 of 2 photos enlarged, in out\n")
    close(read("out/a.png").pixels, "a.png")
    assert upscale(thinlens, "a.png", "-o", "out/a.png", "--skip-existing")[:2] == (
        0,
        "0 of 1 photos enlarged, 1 there already, in out\n",
    )


def test_json_for_machines(thinlens: Command) -> None:
    Path("bad.png").write_text("no picture")
    Path("out").mkdir()
    Path("out/a.png").touch()
    code, out, _ = upscale(thinlens, "*.png", "-o", "out", "--skip-existing", "--json")
    *photos, last = [json.loads(line) for line in out.splitlines()]
    found = {Path(line["photo"]).name: line for line in photos}
    assert code == 1
    assert {name: line["status"] for name, line in found.items()} == {
        "a.png": "skipped",
        "b.png": "done",
        "bad.png": "failed",
    }
    assert found["b.png"]["result"] == "out/b.png"
    assert found["b.png"]["error"] is None
    assert found["bad.png"]["error"].startswith("bad.png is not a JPEG")
    seconds = last.pop("seconds")
    assert seconds > 0
    assert last == {"photos": 3, "done": 1, "skipped": 1, "failed": 1, "left_out": [], "stopped": False}


def test_one_bad_photo_among_several_is_listed_and_the_others_are_done(thinlens: Command) -> None:
    Path("bad.png").write_text("no picture")
    code, out, err = upscale(thinlens, "a.png", "bad.png", "b.png", "-o", "out")
    assert (code, out) == (1, "2 of 3 photos enlarged, in out\n")
    assert err.splitlines()[-1] == f"thinlens: bad.png is not a {NAMES} picture"
    assert sorted(path.name for path in Path("out").iterdir()) == ["a.png", "b.png"]


def test_a_single_bad_photo(thinlens: Command) -> None:
    Path("bad.png").write_text("no picture")
    message = f"thinlens: bad.png is not a {NAMES} picture\n"
    assert upscale(thinlens, "bad.png") == (2, "", message)
    assert upscale(thinlens, "missing.png") == (2, "", "thinlens: missing.png does not exist\n")


def test_too_large_for_the_format(thinlens: Command) -> None:
    write(Photo(np.zeros((1, 9000, 3), np.uint8)), "long.png")
    code, out, err = upscale(thinlens, "long.png", "-o", "long.webp")
    assert (code, out) == (2, "")
    assert err == (
        "thinlens: cannot write long.webp: 18000x2 is too large for the format, which ends at 16383 pixels a side; "
        "write PNG or TIFF\n"
    )
    assert sorted(path.name for path in Path.cwd().iterdir()) == ["a.png", "b.png", "long.png", "nearest.safetensors"]


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif"])
def test_a_full_disk(thinlens: Command, suffix: str) -> None:
    write(Photo(np.random.default_rng(0).integers(0, 256, (100, 100, 3)).astype(np.uint8)), "noise.png")
    before = sorted(Path.cwd().iterdir())
    limited = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (9999, 9999)); from thinlens.cli import main"
    arguments = ["upscale", "noise.png", "-m", "nearest.safetensors", "-o", f"high{suffix}"]
    done = subprocess.run([sys.executable, "-c", f"{limited}; main()", *arguments], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(rf"thinlens: cannot write high{suffix}: .+ \(is the disk full, .*\)\n", done.stderr)
    assert sorted(Path.cwd().iterdir()) == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a.png", "-o", "a.png"], "a.png is a photo to enlarge; give the result another name or folder"),
        (["a.png", "-o", "b.png/a.png"], "cannot make the folder b.png for the results; give another with -o"),
        (["a.png", "b.png", "-o", "b.png"], "b.png is the name of one photo; give a folder for the results with -o"),
        (
            ["a.png", "-o", "a.bmp"],
            "cannot write a.bmp: the name must end in .jpg, .jpeg, .png, .webp, .tif, .tiff or .avif",
        ),
        (["a.png", "-m", "missing.safetensors"], "missing.safetensors does not exist"),
        (["a.png", "-m", "fast", "-s", "17"], "the scale must be above 0 and at most 16, not 17"),
        (["a.png", "-s", "2", "--fit", "9x9"], "scale and fit contradict each other; give one of them"),
        (["a.png", "--size", "9"], "the size is WIDTHxHEIGHT, as 1920x1080, not '9'"),
        (["a.png", "--size", "0x9"], "a picture must be at least 1 pixel wide and high, not 0"),
        (
            ["a.png", "-o", "nearest.safetensors", "--format", "gif"],
            "unknown format 'gif'; there are jpg, jpeg, png, webp, tif, tiff, avif",
        ),
        (["a.png", "-o", "b.png"], "b.png is there already; give --overwrite or --skip-existing"),
        (
            ["a.png", "--overwrite", "--skip-existing"],
            "--skip-existing and --overwrite contradict each other; give one of them",
        ),
        (
            ["a.png", "--cluster", "local", "--jobs", "2"],
            "--jobs is for this machine; on a cluster every processor takes one photo at a time",
        ),
        (["a.png", "-", "-o", "out"], "- stands for one photo; leave out the others, --json and --cluster"),
        (
            ["*.gif"],
            "no photo matches *.gif (names ending in " + ", ".join(photos_kind().taken) + ")",
        ),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_done(thinlens: Command, arguments: list[str], message: str) -> None:
    assert upscale(thinlens, *arguments) == (2, "", f"thinlens: {message}\n")
    assert sorted(path.name for path in Path.cwd().iterdir()) == ["a.png", "b.png", "nearest.safetensors"]


def test_wrong_use(thinlens: Command) -> None:
    for arguments in (["upscale"], ["upscale", "a.png", "--scale", "two"], ["enlarge"], ["upscale", "--bigger"]):
        code, out, err = thinlens(*arguments)
        assert (code, out) == (2, "")
        assert "Error" in err


def test_help_and_version(thinlens: Command) -> None:
    code, out, _ = thinlens("--help")
    verbs = [line.split()[0] for line in out.split("Commands:")[1].splitlines() if line.strip()]
    in_order = ["upscale", "enhance", "video", "list", "train", "convert", "evaluate", "benchmark", "explain"]
    assert (code, verbs) == (0, [*in_order, "search"])  # groups of verbs come last
    code, out, _ = thinlens("--version")
    assert (code, out) == (0, f"thinlens {__import__('thinlens').__version__}\n{processor_of()}\n")


def test_list(thinlens: Command) -> None:
    code, out, _ = thinlens("list")
    assert code == 0
    *lines, enhance = out.splitlines()[1:]
    enlarging = [line.split() for line in lines if "×1 " not in line]
    assert [line[2] for line in enlarging] == models.names()
    assert all(line[4] == "clean" for line in enlarging)
    assert enhance.split()[:2] == [models.ENHANCE, "LUT3D_N8_S17_statistics"]


def test_convert_and_evaluate(thinlens: Command) -> None:
    torch.manual_seed(0)
    torch.save(nets.build(nets.parse("eSR-MAX_s2_K3_C1")).state_dict(), "eSR-MAX_s2_K3_C1.model")
    result = thinlens("convert", "eSR-MAX_s2_K3_C1.model", "-o", "max.safetensors")
    assert result == (0, "max.safetensors: eSR-MAX_s2_K3_C1, ×2\n", "")
    converted = load("max.safetensors")
    assert converted.uint8 is not None
    assert converted.provenance == {"published": "eSR-MAX_s2_K3_C1.model"}
    for folder in ("set", "other"):
        Path(folder).mkdir()
        for name in "ab":
            pixels = np.random.default_rng(1).integers(0, 256, (32, 48, 3)).astype(np.uint8)
            write(Photo(pixels), f"{folder}/{name}.png")
    code, out, _ = thinlens("evaluate", "max.safetensors", "bicubic", "--data", "set", "other", "--scale", 2)
    assert code == 0
    assert all(word in out for word in ("eSR-MAX_s2_K3_C1", "bicubic", "set", "other"))
    code, out, _ = thinlens("evaluate", "max.safetensors", "--data", "set", "--json")
    scores = json.loads(out)
    assert [(score["model"], score["scale"], score["data"]) for score in scores] == [("eSR-MAX_s2_K3_C1", 2, "set")]
    assert len(scores[0]["images"]) == 2
    code, out, _ = thinlens("evaluate", "max.safetensors", "--data", "set", "--json", "--jpeg", 50)
    assert [score["jpeg"] for score in json.loads(out)] == [50]
    code, _, err = thinlens("evaluate", "max.safetensors", "--data", "set", "--jpeg", 75, "--source", "worse")
    assert (code, err.splitlines()[-1].split(";")[0]) == (2, "thinlens: unknown source 'worse'")


def test_benchmark(thinlens: Command) -> None:
    run = ["benchmark", "nearest.safetensors", "--size", "64x48", "--repeats", 2, "--threads", 1]
    code, out, _ = thinlens(*run)
    assert code == 0
    assert "| nearest | " in out
    code, out, _ = thinlens(*run, "--against", "opencv", "--color", "--json")
    found = json.loads(out)
    assert (code, found["size"], found["color"], found["threads"]) == (0, [64, 48], True, 1)
    assert [timing["engine"] for timing in found["timings"]] == ["thinlens", "opencv"]
    assert thinlens("benchmark", "nearest.safetensors", "--size", "64") == (
        2,
        "",
        "thinlens: the size is WIDTHxHEIGHT, as 1920x1080, not '64'\n",
    )
    code, out, err = thinlens(*run, "--against", "abacus")
    assert (code, out) == (2, "")
    assert err.startswith("thinlens: unknown engine 'abacus'; the known ones: opencv")


def test_unreadable_checkpoints_and_folders(thinlens: Command) -> None:
    Path("eSR-MAX_s2_K3_C1.model").write_text("no checkpoint")
    code, out, err = thinlens("convert", "eSR-MAX_s2_K3_C1.model", "-o", "max.safetensors")
    assert (code, out) == (2, "")
    assert err.startswith("thinlens: eSR-MAX_s2_K3_C1.model is not a torch state dict")
    assert thinlens("train", "eSR-MAX_s2_K3_C1", "--data", "missing", "--out", "x.safetensors")[0] == 2
    assert thinlens("train", "eSR-MIN", "--data", ".", "--out", "x.safetensors")[0] == 2
    assert thinlens("evaluate", "nearest.safetensors", "--data", "missing")[0] == 2


@pytest.mark.slow
def test_train_convert_upscale(thinlens: Command) -> None:
    Path("photos").mkdir()
    y, x = np.mgrid[:256, :256]
    for index in range(6):
        waves = [128 + 60 * np.sin(x / (3 + index + channel)) + 60 * np.cos(y / (4 + index)) for channel in range(3)]
        write(Photo(np.dstack(waves).astype(np.uint8)), f"photos/{index}.png")
    run = ["train", "eSR-MAX_s2_K3_C1", "--data", "photos", "--out", "net.safetensors", "--steps", 20, "--seed", 1]
    code, out, _ = thinlens(*run, "--device", "cpu")
    assert code == 0
    assert out.startswith("net.safetensors: eSR-MAX_s2_K3_C1, validation PSNR ")
    assert thinlens("convert", "net.safetensors", "-o", "program.safetensors")[0] == 0
    assert thinlens("upscale", "a.png", "-m", "program.safetensors") == (0, "a-x2.png\n", "")


def test_as_a_module() -> None:
    done = subprocess.run([sys.executable, "-m", "thinlens.cli", "--version"], capture_output=True, text=True)
    assert done.returncode == 0
    assert done.stdout.startswith("thinlens ")


def test_what_nobody_thought_of_is_one_line_too(thinlens: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("the machine\nis on fire")

    monkeypatch.setattr("thinlens.run.upscale_photo", broken)
    message = "unexpected RuntimeError: the machine is on fire"
    assert upscale(thinlens, "a.png") == (1, "", f"thinlens: {message}\n")
    code, out, err = upscale(thinlens, "a.png", "b.png", "-o", "out")
    assert (code, out) == (1, "0 of 2 photos enlarged, in out\n")
    assert err.splitlines()[-2:] == [f"thinlens: a.png: {message}", f"thinlens: b.png: {message}"]


def test_quality_lossless_and_quiet(thinlens: Command) -> None:
    assert upscale(thinlens, "a.png", "-o", "low.jpg", "--quality", 10)[0] == 0
    assert upscale(thinlens, "a.png", "-o", "high.jpg", "--quality", 100)[0] == 0
    assert Path("low.jpg").stat().st_size < Path("high.jpg").stat().st_size
    assert upscale(thinlens, "a.png", "-o", "a.webp", "--lossless", "--quiet") == (0, "", "")
    np.testing.assert_array_equal(read("a.webp").pixels, read_of(thinlens, "a.png"))
    assert upscale(thinlens, "a.png", "b.png", "-o", "out", "-q") == (0, "", "")
    code, out, err = upscale(thinlens, "a.png", "-o", "c.png", "--quality", 90, "--quiet")
    assert (code, out) == (2, "") and "leave the quality out" in err and not Path("c.png").exists()
    assert upscale(thinlens, "a.png", "-o", "d.webp", "--quality", 90, "--lossless")[0] == 2


def read_of(thinlens: Command, name: str) -> np.ndarray[Any, Any]:
    """What the model makes of a photo."""
    assert upscale(thinlens, name, "-o", "as.png")[0] == 0
    return read("as.png").pixels


def test_photos_of_other_formats_in_folders_are_said(thinlens: Command) -> None:
    Path("photos").mkdir()
    Path("a.png").rename("photos/a.png")
    for name in ("b.jxl", "c.CR2", "notes.txt", ".d.jxl"):
        Path("photos", name).write_bytes(b"none")
    code, out, err = upscale(thinlens, "photos", "-o", "out")
    assert (code, out) == (0, "1 of 1 photos enlarged, in out\n")
    assert "left out, for their format: 1 .cr2, 1 .jxl: photos/b.jxl, photos/c.CR2" in err
    last = json.loads(upscale(thinlens, "photos/*", "-o", "out", "--json", "--overwrite")[1].splitlines()[-1])
    assert last["left_out"] == ["photos/b.jxl", "photos/c.CR2"]
    assert "left out" not in upscale(thinlens, "photos", "-o", "out", "--quiet", "--overwrite")[2]


@pytest.mark.parametrize(
    ("name", "result"),
    [
        ("a.jfif", "a-x2.jpg"),
        ("a.mpo", "a-x2.jpg"),
        ("a.jpg_large", "a-x2.jpg"),
        ("a", "a-x2.jpg"),
        ("a.2024", "a.2024-x2.jpg"),
    ],
)
def test_results_have_the_usual_ending(thinlens: Command, name: str, result: str) -> None:
    write(read("a.png"), "a.jpg")
    Path("a.jpg").rename(name)
    assert upscale(thinlens, name)[:2] == (0, f"{result}\n")
    assert read(result).pixels.shape == (12, 16, 3)


def test_further_endings_in_folders(thinlens: Command) -> None:
    Path("photos").mkdir()
    write(read("a.png"), "photos/a.jpg")
    Path("photos/a.jpg").rename("photos/a.JFIF")
    assert upscale(thinlens, "photos", "-o", "out")[0] == 0
    assert [path.name for path in Path("out").iterdir()] == ["a.jpg"]
