"""Photos with better colors: arrays, files, pipes, folders, bands, profiles; tables read and written on the way."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import thinlens
from photo.test_profile import wide
from programs import integer_program, picture
from tables import network_program, random_table, statistics_program
from thinlens import cli, run
from thinlens.photo import Photo, read, write
from thinlens.photo.formats import NAMES
from thinlens.program import reference, save
from thinlens.sizes import TargetSize
from thinlens.streams import upscale_stream

Command = Callable[..., tuple[int, str, str]]
DTYPES = (np.uint8, np.uint16)
AS_IT_IS = TargetSize(scale=1)


@pytest.mark.parametrize("dtype", [*DTYPES, np.float32])
def test_arrays(dtype: Any) -> None:
    source = picture(30, 40, True, dtype)
    for program in (statistics_program(), network_program()):
        found, expected = thinlens.enhance(source, program), reference.run(program, source)
        assert found.dtype == dtype and found is not source
        assert np.abs(found.astype(np.float64) - expected).max() <= (2e-5 if dtype == np.float32 else 1)
        np.testing.assert_allclose(thinlens.enhance(source, program, 0), source, atol=1e-5)
        gray = thinlens.enhance(source[..., 0], program)
        assert gray.shape == source.shape[:2] and gray.dtype == dtype


def test_a_table_or_its_file_is_a_model_too(tmp_path: Path) -> None:
    source, lut = picture(30, 40, True, np.uint8), thinlens.Lut3d(random_table(5))
    lut.write(tmp_path / "look.CUBE")
    np.testing.assert_array_equal(thinlens.enhance(source, lut), lut.apply(source))
    np.testing.assert_array_equal(thinlens.enhance(source, tmp_path / "look.CUBE"), lut.apply(source))


def test_what_is_no_picture_or_model_is_refused() -> None:
    with pytest.raises(TypeError, match="a picture must be an array, got str; thinlens.enhance_file takes files"):
        thinlens.enhance("photo.jpg", statistics_program())  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="changes no colors, it enlarges"):
        thinlens.enhance(picture(3, 3, True, np.uint8), integer_program(2, 3, 2))
    with pytest.raises(ValueError, match="changes colors, it does not enlarge: give it to thinlens enhance"):
        thinlens.upscale(picture(3, 3, True, np.uint8), model=statistics_program())


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("color", [False, True], ids=["gray", "rgb"])
@pytest.mark.parametrize("transparent", [False, True], ids=["opaque", "transparent"])
def test_files_in_one_piece_and_in_bands(
    transparent: bool, color: bool, dtype: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels = picture(90, 40, color, dtype)
    alpha = picture(90, 40, False, dtype, seed=1) if transparent else None
    write(Photo(pixels, alpha), tmp_path / "photo.png")
    grading = run.grading(statistics_program(), 0.8)
    monkeypatch.setattr(run, "BAND", 1000)
    for limit in (2**30, 0):
        monkeypatch.setattr(run, "IN_ONE_PIECE", limit)
        run.upscale_file_to(tmp_path / "photo.png", tmp_path / "done.png", AS_IT_IS, grading=grading)
        done = read(tmp_path / "done.png")
        np.testing.assert_array_equal(done.pixels, thinlens.enhance(pixels, statistics_program(), 0.8))
        assert done.pixels.dtype == dtype
        if alpha is None:
            assert done.alpha is None
        else:
            np.testing.assert_array_equal(done.alpha, alpha)


def test_enhanced_and_enlarged_in_one_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pixels, model = picture(90, 40, True, np.uint8), integer_program(2, 3, 2)
    write(Photo(pixels), tmp_path / "photo.png")
    grading = run.grading(statistics_program())
    expected = thinlens.upscale(thinlens.enhance(pixels, statistics_program()), model=model)
    monkeypatch.setattr(run, "BAND", 1000)
    for limit in (2**30, 0):
        monkeypatch.setattr(run, "IN_ONE_PIECE", limit)
        target = tmp_path / f"{limit}.png"
        run.upscale_file_to(tmp_path / "photo.png", target, TargetSize(), model=model, grading=grading)
        np.testing.assert_array_equal(read(target).pixels, expected)


def test_the_model_sees_srgb_and_the_profile_stays(tmp_path: Path) -> None:
    pixels = (picture(30, 40, True, np.float32) * 200 + 20).astype(np.uint8)
    write(Photo(pixels, profile=wide()), tmp_path / "wide.png")
    write(Photo(pixels), tmp_path / "plain.png")
    grading = run.grading(statistics_program())
    results: list[NDArray[Any]] = []
    for name in ("wide", "plain"):
        run.upscale_file_to(tmp_path / f"{name}.png", tmp_path / f"{name}-done.png", AS_IT_IS, grading=grading)
        results.append(read(tmp_path / f"{name}-done.png").pixels)
    assert read(tmp_path / "wide-done.png").profile == wide()
    assert (results[0] != results[1]).any()
    assert run.look_of(tmp_path / "wide.png", grading).weights != run.look_of(tmp_path / "plain.png", grading).weights


def test_pipes(tmp_path: Path) -> None:
    source = picture(30, 40, True, np.uint8)
    write(Photo(source), tmp_path / "x.png")
    result, grading = BytesIO(), run.grading(statistics_program())
    upscale_stream(BytesIO((tmp_path / "x.png").read_bytes()), result, AS_IT_IS, format="png", grading=grading)
    (tmp_path / "y.png").write_bytes(result.getvalue())
    np.testing.assert_array_equal(read(tmp_path / "y.png").pixels, thinlens.enhance(source, statistics_program()))


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Command:
    """Run `thinlens enhance -m model.safetensors` where a.png and b.png are: its exit code, output and errors."""
    monkeypatch.chdir(tmp_path)
    save(statistics_program(), "model.safetensors")
    for seed, name in enumerate("ab"):
        write(Photo(picture(20, 30, True, np.uint8, seed=seed) // (seed + 1)), f"{name}.png")

    def call(*arguments: object, model: str | None = "model.safetensors") -> tuple[int, str, str]:
        chosen = [] if model is None else ["-m", model]
        monkeypatch.setattr(sys, "argv", ["thinlens", "enhance", *chosen, *(str(argument) for argument in arguments)])
        with pytest.raises(SystemExit) as end:
            cli.main()
        out, err = capfd.readouterr()
        assert "Traceback" not in err
        return int(end.value.code or 0), out, err

    return call


def enhanced(name: str, strength: float = 1) -> NDArray[Any]:
    return thinlens.enhance(read(name).pixels, statistics_program(), strength)


def test_one_photo(command: Command) -> None:
    assert command("a.png") == (0, "a-enhanced.png\n", "")
    np.testing.assert_array_equal(read("a-enhanced.png").pixels, enhanced("a.png"))
    assert command("a.png", "-o", "b.tif", "--strength", 0.4) == (0, "b.tif\n", "")
    np.testing.assert_array_equal(read("b.tif").pixels, enhanced("a.png", 0.4))


def test_folders_and_json(command: Command) -> None:
    code, out, _ = command(".", "-o", "out", "--json")
    lines = [json.loads(line) for line in out.splitlines()]
    assert code == 0 and [line["status"] for line in lines[:2]] == ["done", "done"] and lines[2]["done"] == 2
    for name in ("a.png", "b.png"):
        np.testing.assert_array_equal(read(f"out/{name}").pixels, enhanced(name))
    code, out, _ = command(".", "-o", "out", "--skip-existing")
    assert (code, out) == (0, "0 of 2 photos enhanced, 2 there already, in out\n")


def test_one_table_for_all(command: Command) -> None:
    assert command("a.png", "b.png", "-o", "out", "--match", "--save-cube", "used.cube")[0] == 0
    looks = [run.look_of(name, run.grading("model.safetensors")) for name in ("a.png", "b.png")]
    from thinlens.color import mean

    for name in ("a.png", "b.png"):
        np.testing.assert_array_equal(read(f"out/{name}").pixels, mean(looks)(read(name).pixels))
    np.testing.assert_allclose(thinlens.Lut3d.read("used.cube").table, mean(looks).lut.table, atol=1e-7)


def test_one_bad_photo_does_not_keep_the_others_from_their_table(command: Command) -> None:
    Path("bad.png").write_bytes(b"junk")
    code, out, err = command("a.png", "bad.png", "-o", "out", "--match")
    assert (code, out) == (1, "1 of 2 photos enhanced, in out\n") and "bad.png is not a JPEG" in err
    np.testing.assert_array_equal(read("out/a.png").pixels, enhanced("a.png"))
    code, _, err = command("bad.png", "--save-cube", "x.cube")
    assert code == 2 and err == f"thinlens: bad.png is not a {NAMES} picture\n"


def test_tables_of_files_and_the_table_that_was_used(command: Command) -> None:
    assert command("a.png", "--save-cube", "used.cube", "--strength", 0.5)[:2] == (0, "a-enhanced.png\n")
    found = thinlens.Lut3d.read("used.cube").apply(read("a.png").pixels, "trilinear")
    assert np.abs(found.astype(int) - read("a-enhanced.png").pixels).max() <= 1
    assert command("b.png", "--cube", "used.cube", "-o", "c.png", model=None) == (0, "c.png\n", "")
    np.testing.assert_array_equal(read("c.png").pixels, thinlens.enhance(read("b.png").pixels, "used.cube"))


def test_explained(command: Command) -> None:
    pytest.importorskip("matplotlib")
    assert command("a.png", "--explain", "why.png", "-o", "x.png")[:2] == (0, "x.png\n")
    assert read("why.png").pixels.shape == (900, 1500, 3) and (read("why.png").pixels != 255).mean() > 0.2
    thinlens.Lut3d(random_table(3), title="Sepia").write("sepia.cube")
    arguments = ("a.png", "--cube", "sepia.cube", "--explain", "why.png", "--overwrite", "-o", "x.png")
    assert command(*arguments, model=None)[:2] == (0, "x.png\n")


def test_several_in_one_go(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """`upscale --enhance`, with the model that is released."""
    monkeypatch.setattr(run.models, "path", lambda name, scale=2, source="clean": Path("model.safetensors"))
    monkeypatch.setattr(sys, "argv", ["thinlens", "upscale", "a.png", "--scale", "1.5", "--enhance"])
    monkeypatch.setattr(run, "scales", lambda model, source="clean": (2,))
    monkeypatch.setattr(run, "_programs", lambda model, plan, source: [integer_program(2, 3, 2)])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert not end.value.code and read("a-x1.5.png").pixels.shape == (30, 45, 3)


REFUSED = {
    ("a.png", "--strength", "2"): "the strength must be from 0 to 1, not 2",
    ("a.png", "--cube", "x.cube"): "--cube and --model contradict each other; give one of them",
    ("a.png", "b.png", "-o", "out", "--save-cube", "x.cube"): "2 photos get a table each; give --match for one",
    ("a.png", "b.png", "-o", "out", "--explain", "x.png"): "--explain is for one photo, got 2",
    ("a.png", "--save-cube", "b.png"): "b.png is there already; give --overwrite",
    ("-", "--format", "png", "--match"): "--match, --save-cube and --explain need photos that are files, not -",
}


@pytest.mark.parametrize("arguments", REFUSED)
def test_what_cannot_be_is_said_before_anything_is_done(command: Command, arguments: tuple[str, ...]) -> None:
    code, out, err = command(*arguments)
    assert (code, out) == (2, "") and REFUSED[arguments] in err and err.startswith("thinlens: ")
    assert sorted(path.name for path in Path().iterdir() if path.is_file()) == ["a.png", "b.png", "model.safetensors"]


def test_a_bad_table_is_told_with_its_line(command: Command) -> None:
    Path("x.cube").write_text("LUT_3D_SIZE 2\n0 0 0\n")
    code, _, err = command("a.png", "--cube", "x.cube", model=None)
    assert (
        code == 2 and err == "thinlens: x.cube, line 2: the file ends with 1 of the 8 entries that the size asks for\n"
    )


def ramp_and_photos() -> list[np.ndarray]:
    """Pictures of all kinds, small: noise, ramps of gray and of colors, dark and bright, one color alone."""
    random = np.random.default_rng(0)
    ramp = np.repeat(np.tile(np.linspace(0, 255, 96), (64, 1))[..., None], 3, axis=2)
    colors = np.stack(np.meshgrid(np.linspace(0, 255, 96), np.linspace(0, 255, 64)), axis=-1)
    photos = [ramp, ramp[..., :1] ** 2 / 255 + [0, 10, 30], np.dstack([colors, 255 - colors[..., 0]]), ramp / 4 + 20]
    photos += [random.integers(0, 256, (64, 96, 3)), random.normal(128, 30, (64, 96, 3))]
    return [np.clip(photo, 0, 255).astype(np.uint8) for photo in photos]


def test_what_the_released_model_does_to_grays() -> None:
    grading = run.grading()
    steps = np.repeat(np.linspace(0, 1, 1025, dtype=np.float32)[None, :, None], 3, axis=2)
    for photo in ramp_and_photos():
        slopes = np.diff(grading.look([photo], photo.shape)(steps)[0], axis=0) * 1024
        assert slopes.min() >= 0 and slopes.max() <= 2


def test_the_released_model_keeps_a_ramp_of_16_bits_smooth() -> None:
    gray = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    for ramp in (gray, np.repeat(gray[..., None], 3, axis=2)):
        done = thinlens.enhance(ramp).reshape(65536, -1).astype(int)
        steps = np.diff(done, axis=0)
        assert done.shape[1] == (1 if ramp is gray else 3)
        assert steps.min() >= 0 and steps.max() <= 2
        slopes = np.diff(done[::64], axis=0) / 64  # tones are neither torn apart nor lost
        assert slopes.min() >= 0.1 and slopes.max() <= 2
    levels = thinlens.enhance(np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2))[0].astype(int)
    assert np.diff(levels, axis=0).min() >= 0 and np.diff(levels, axis=0).max() <= 2


def test_the_released_model_turns_skin_little() -> None:
    """Five swatches of different people's skin in mid light, in a good photo: the hue, in degrees of CIELAB."""
    to_lab = pytest.importorskip("skimage.color").rgb2lab
    skin = np.array([[(230, 188, 170), (194, 150, 130), (172, 120, 90), (115, 82, 68), (82, 56, 45)]], np.float32) / 255
    photo = read(Path(__file__).parents[1] / "examples" / "photo.png").pixels
    turned = np.clip(run.grading().look([photo], photo.shape)(skin), 0, 1)
    before, after = (np.degrees(np.arctan2(lab[..., 2], lab[..., 1])) for lab in (to_lab(skin), to_lab(turned)))
    assert np.abs((after - before + 180) % 360 - 180).max() <= 8
