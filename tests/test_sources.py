"""Sources through the public calls: each takes the weights that suit the picture, and says which."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import thinlens
from jpeg import decoded, jpeg, scene
from programs import deep_program
from thinlens import batch, cli, cluster, models, run, streams
from thinlens.jobs import Job
from thinlens.photo import read
from thinlens.program import Convolution, PixelShuffle, Program, reference, save
from thinlens.sizes import TargetSize

PICTURE = scene(96, 120)
MEDIUM = jpeg(PICTURE, 75)
DARKER = {source: 1 - 0.1 * index for index, source in enumerate(models.SOURCES)}
"""What each source's programs multiply a picture by."""


def darkening(name: str, scale: int, source: str) -> Program:
    """Nearest pixels, darker by the source."""
    weight = np.full((scale**2, 1, 1, 1), DARKER[source], np.float32)
    return Program(name, (Convolution(0, weight), PixelShuffle(1, scale)))


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Models of which each source can be told by its result: balanced for all, fast but for jpeg-low, lut for clean."""
    there = tmp_path / "models"
    there.mkdir()
    monkeypatch.setattr(models, "FOLDER", there)
    monkeypatch.chdir(tmp_path)
    for name, without in (("balanced", ()), ("fast", ("jpeg-low", "h264")), ("lut", models.SOURCES[1:])):
        for scale in models.SCALES:
            identifier = models.identifier(name, scale)
            for source in models.SOURCES:
                if source not in without:
                    save(darkening(identifier, scale, source), models._file(identifier, source))
    save(darkening(models.ENHANCE, 1, "clean"), models._file(models.ENHANCE, "clean"))
    for source in models.SOURCES[1:]:
        identifier = models.CLEANERS["balanced"]
        save(darkening(identifier, 1, source), models._file(identifier, source))
    return there


def darkened(picture: np.ndarray, scale: int, source: str) -> np.ndarray:
    return reference.run(darkening("", scale, source), picture)


def near(found: np.ndarray, expected: np.ndarray) -> bool:
    return found.shape == expected.shape and int(np.abs(found.astype(int) - expected).max()) <= 1


@pytest.mark.parametrize("source", models.SOURCES)
def test_an_array_takes_the_source_that_is_said(source: str) -> None:
    found = thinlens.upscale(PICTURE, 2, source=source)
    assert near(found, darkened(PICTURE, 2, source))


def test_an_array_is_clean_unless_said_otherwise() -> None:
    low = decoded(MEDIUM)
    assert near(thinlens.upscale(low, 2), darkened(low, 2, "clean"))
    assert near(thinlens.upscale(low, 2, source="auto"), darkened(low, 2, "jpeg-medium"))
    assert near(thinlens.upscale(PICTURE, 2, source="auto"), darkened(PICTURE, 2, "clean"))


def test_only_the_first_of_a_chain_sees_a_compressed_picture() -> None:
    luma = PICTURE[..., 1]
    assert near(thinlens.upscale(luma, 8, source="jpeg-low"), darkened(luma, 8, "jpeg-low"))


def test_scale_1_cleans_up() -> None:
    np.testing.assert_array_equal(thinlens.upscale(PICTURE, 1), PICTURE)
    assert near(thinlens.upscale(PICTURE, 1, source="jpeg-medium"), darkened(PICTURE, 1, "jpeg-medium"))
    np.testing.assert_array_equal(thinlens.upscale(PICTURE, 1, "lut", source="jpeg-medium"), PICTURE)
    half = thinlens.upscale(PICTURE, 1.5, source="jpeg-medium")
    assert half.shape == (144, 180, 3)


@pytest.mark.parametrize(
    ("shape", "dtype"), [((1, 1), np.uint8), ((23, 40, 3), np.uint8), ((23, 40), np.uint16), ((23, 40, 3), np.float32)]
)
def test_networks_of_scale_1(shape: tuple[int, ...], dtype: type) -> None:
    program = deep_program("prelu", 1, 8)
    low = np.random.default_rng(0).random(shape, np.float32)
    low = low if dtype == np.float32 else (low * np.iinfo(dtype).max).astype(dtype)
    found, expected = thinlens.upscale(low, model=program), reference.run(program, low)
    assert found.shape == shape
    np.testing.assert_allclose(found.astype(float), expected, atol=1e-5 if dtype == np.float32 else 1)


def test_a_file_says_its_source(tmp_path: Path) -> None:
    low = tmp_path / "low.jpg"
    low.write_bytes(MEDIUM)
    done = run.upscale_file(low, tmp_path / "high.png")
    assert (done.choice.source, done.choice.why) == ("jpeg-medium", "JPEG of quality 75")
    assert near(read(tmp_path / "high.png").pixels, darkened(decoded(MEDIUM), 2, "jpeg-medium"))
    done = run.upscale_file(low, tmp_path / "high.png", source="jpeg-high")
    assert done.choice.source == "jpeg-high" and done.choice.asked
    done = run.upscale_file(low, tmp_path / "high.png", scale=1)
    assert done.plan.chain == (1,)
    assert near(read(tmp_path / "high.png").pixels, darkened(decoded(MEDIUM), 1, "jpeg-medium"))


@pytest.mark.parametrize("pieces", [True, False])
def test_a_file_that_says_nothing_is_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pieces: bool) -> None:
    if pieces:
        monkeypatch.setattr(run, "IN_ONE_PIECE", 0)
        monkeypatch.setattr(run, "BAND", 5000)
    crop = decoded(MEDIUM)[3:, 5:]
    Image.fromarray(crop).save("low.png")
    done = run.upscale_file("low.png", "high.png")
    assert done.choice.source == "jpeg-medium"
    assert done.choice.why.startswith("traces of JPEG of quality 7")
    assert near(read("high.png").pixels, darkened(crop, 2, "jpeg-medium"))
    done = run.upscale_file("low.png", "high.png", scale=1)
    assert near(read("high.png").pixels, darkened(crop, 1, "jpeg-medium"))


def test_what_has_no_weights_takes_those_for_clean_pictures(tmp_path: Path) -> None:
    (tmp_path / "low.jpg").write_bytes(jpeg(PICTURE, 30))
    done = run.upscale_file("low.jpg", "high.png", model="fast")
    assert done.choice.source == "clean"
    assert done.choice.why == "JPEG of quality 30, but fast has no weights for jpeg-low at scale 2"
    done = run.upscale_file("low.jpg", "high.png", model="lut", source="jpeg-high")
    assert done.choice.why == "lut has no weights for jpeg-high at scale 2"
    save(darkening("mine", 2, "clean"), tmp_path / "mine.safetensors")
    for model in (tmp_path / "mine.safetensors", darkening("mine.safetensors", 2, "clean")):
        done = run.upscale_file("low.jpg", "high.png", model=model)
        assert done.choice.why == "JPEG of quality 30, but mine.safetensors has no weights for jpeg-low"


def test_loading_weights_of_a_source() -> None:
    for source in models.SOURCES:
        assert thinlens.load("balanced", 3, source).name == models.identifier("balanced", 3)
    cleaner = models.CLEANERS["balanced"]
    assert thinlens.load("balanced", 1, "jpeg-low") is thinlens.load(cleaner, source="jpeg-low")
    errors = {
        ("fast", 2, "jpeg-low"): (
            "eSR-MAX_s2_K3_C2 has no weights for the source jpeg-low; it has them for clean, jpeg-high, jpeg-medium"
        ),
        ("best", 2, "jpeg-low"): "ECBSR_s2_M4_C16 has no weights for the source jpeg-low; it has them for no source",
        ("balanced", 1, "clean"): "balanced enlarges 2, 3 or 4 times, not 1",
        ("balanced", 2, "auto"): (
            "unknown source 'auto'; there are clean, jpeg-high, jpeg-medium, jpeg-low, h264, or auto where there is a "
            "picture"
        ),
        (darkening("mine", 2, "clean"), 2, "jpeg-low"): (
            "mine is from a file, which has one set of weights; leave the source out"
        ),
    }
    for arguments, message in errors.items():
        with pytest.raises(ValueError) as caught:
            thinlens.load(*arguments)
        assert str(caught.value) == message


def photos(tmp_path: Path) -> list[Job]:
    (tmp_path / "out").mkdir()
    (tmp_path / "a.jpg").write_bytes(MEDIUM)
    (tmp_path / "b.jpg").write_bytes(jpeg(PICTURE, 30))
    Image.fromarray(PICTURE).save(tmp_path / "c.png")
    return [Job(tmp_path / name, tmp_path / "out" / f"{name[0]}.png") for name in ("a.jpg", "b.jpg", "c.png")]


EXPECTED = {"a": "jpeg-medium", "b": "jpeg-low", "c": "clean"}


def test_batches(tmp_path: Path) -> None:
    outcomes = list(batch.upscale_files(photos(tmp_path)))
    assert {o.job.source.stem: o.choice and o.choice.source for o in outcomes} == EXPECTED
    outcomes = list(batch.upscale_files([outcome.job for outcome in outcomes], source="jpeg-high"))
    assert {o.choice and o.choice.source for o in outcomes} == {"jpeg-high"}


def test_tasks_of_a_cluster(tmp_path: Path) -> None:
    jobs = photos(tmp_path)
    outcomes = [cluster._attempt(job, None, TargetSize(2), "balanced", None) for job in jobs]
    assert {o.job.source.stem: o.choice and o.choice.source for o in outcomes} == EXPECTED


def test_streams() -> None:
    result = io.BytesIO()
    done = streams.upscale_stream(io.BytesIO(MEDIUM), result, format="png")
    assert done.choice.source == "jpeg-medium"
    assert near(decoded(result.getvalue()), darkened(decoded(MEDIUM), 2, "jpeg-medium"))


def command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *arguments: str) -> tuple[str, str]:
    monkeypatch.setattr(sys, "argv", ["thinlens", *arguments])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert not end.value.code
    return capsys.readouterr()


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    photos(tmp_path)
    out, err = command(capsys, monkeypatch, "upscale", "a.jpg", "-o", "high.png")
    assert (out, err) == ("high.png\n", "source: jpeg-medium (JPEG of quality 75)\n")
    out, err = command(capsys, monkeypatch, "upscale", "a.jpg", "-o", "high.png", "--overwrite", "--source", "clean")
    assert (out, err) == ("high.png\n", "")
    out, _ = command(capsys, monkeypatch, "upscale", "a.jpg", "b.jpg", "c.png", "-o", "large")
    assert out == "3 of 3 photos enlarged (1 clean, 1 jpeg-low, 1 jpeg-medium), in large\n"
    out, _ = command(capsys, monkeypatch, "upscale", "a.jpg", "c.png", "-o", "more", "--json", "--scale", "1")
    lines = [json.loads(line) for line in out.splitlines()]
    found = {Path(line["photo"]).stem: (line["source"], line["why"]) for line in lines[:-1]}
    assert found == {"a": ("jpeg-medium", "JPEG of quality 75"), "c": ("clean", "no traces of JPEG")}
    out, _ = command(capsys, monkeypatch, "list")
    assert "balanced   ×1     ECBSR_s1_M2_C8" in out
    assert out.splitlines()[1].split()[4:] == list(models.SOURCES[:3])


def test_enhancing_cleans_nothing_up(tmp_path: Path) -> None:
    from thinlens.color import Look, Lut3d
    from thinlens.color.grading import Grading

    (tmp_path / "low.jpg").write_bytes(MEDIUM)
    same = Grading(Look(Lut3d.identity(3)))
    run.upscale_file_to("low.jpg", "better.png", TargetSize(scale=1), grading=same, source="clean")
    assert near(read("better.png").pixels, decoded(MEDIUM))
