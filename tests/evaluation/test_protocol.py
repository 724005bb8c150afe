"""The protocol: every step by hand on a small set, bicubic's known scores on the real ones, and the reports."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pyvips
from rich.console import Console

import thinlens
from thinlens import run
from thinlens.data.degrade import downscale, upscale_bicubic
from thinlens.evaluation import ImageScore, Protocol, Score, evaluate
from thinlens.evaluation.metrics import psnr, ssim
from thinlens.evaluation.protocol import studio_luma
from thinlens.evaluation.report import from_json, markdown, table, to_json
from thinlens.program import Convolution, PixelShuffle, Program, save
from thinlens.program.reference import bicubic_taps


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "Few"
    folder.mkdir()
    y, x = np.mgrid[:41, :50]
    color = np.stack([128 + 100 * np.sin(y / 3), 128 + 90 * np.cos(x / 4 + y / 9), 5 * x], axis=-1)
    for name, picture in (("color.png", color), ("gray.png", color[..., 1])):
        pyvips.Image.new_from_array(picture.clip(0, 255).astype(np.uint8)).write_to_file(str(folder / name))
    return folder


def test_studio_luma() -> None:
    colors = np.array([[[0, 0, 0], [255, 255, 255], [255, 0, 0], [0, 255, 0], [0, 0, 255]]], np.uint8)
    np.testing.assert_allclose(studio_luma(colors)[0], [16, 235, 81.481, 144.553, 40.966])
    np.testing.assert_allclose(studio_luma(np.array([[0, 51, 255]], np.uint8))[0], [16, 59.8, 235])


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_bicubic_step_by_step(folder: Path, scale: int) -> None:
    (found,) = evaluate("bicubic", folder, scale=scale)
    assert (found.model, found.scale, found.data, found.known) == ("bicubic", scale, "Few", False)
    assert [image.name for image in found.images] == ["color.png", "gray.png"]
    picture: Any = pyvips.Image.new_from_file(str(folder / "color.png")).numpy()
    high = picture[: 41 - 41 % scale, : 50 - 50 % scale]
    result = upscale_bicubic(downscale(high, scale), scale)
    planes = [studio_luma(image)[scale:-scale, scale:-scale] for image in (result, high)]
    assert found.images[0].psnr == pytest.approx(psnr(*planes, data_range=255), abs=1e-12)
    assert found.images[0].ssim == pytest.approx(ssim(*planes, data_range=255), abs=1e-12)
    for metric in ("psnr", "ssim"):
        assert getattr(found, metric) == pytest.approx(np.mean([getattr(image, metric) for image in found.images]))


def test_scales_models_and_progress(folder: Path) -> None:
    told: list[str] = []
    scores = evaluate(["bicubic"], [folder, folder], progress=told.append)
    assert [score.scale for score in scores] == [2, 2, 3, 3, 4, 4]
    assert told[0] == "bicubic ×2 on Few" and len(told) == 6


def test_another_protocol(folder: Path) -> None:
    def every_other(image: Any, scale: int) -> Any:
        return np.ascontiguousarray(image[::scale, ::scale])

    def green(image: Any) -> Any:
        return image if image.ndim == 2 else image[..., 1]

    (found,) = evaluate("bicubic", folder, scale=2, protocol=Protocol(every_other, green, data_range=219, border=0))
    high: Any = pyvips.Image.new_from_file(str(folder / "color.png")).numpy()[:40, :50]
    planes = green(upscale_bicubic(every_other(high, 2), 2)), green(high)
    assert found.images[0].psnr == pytest.approx(psnr(*planes, data_range=219))
    assert found.images[0].ssim == pytest.approx(ssim(*planes, data_range=219))


def test_small_pictures_are_refused_by_name(folder: Path) -> None:
    pyvips.Image.black(16, 13).write_to_file(str(folder / "small.png"))
    with pytest.raises(ValueError, match=r"small.png is too small to be scored at ×2; leave it out"):
        evaluate("bicubic", folder, scale=2)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "expected"),
    [("Set5", (33.68, 30.40, 28.43)), ("Set14", (30.33, 27.63, 26.09)), ("BSD100", (29.56, 27.21, 25.96))],
)
def test_bicubic_on_the_known_sets(name: str, expected: tuple[float, ...]) -> None:
    """Literature: 33.66, 30.39, 28.42; 30.24, 27.55, 26.00; 29.56, 27.21, 25.96 (Set14 with pictures cut elsewhere)."""
    folder = Path(os.environ.get("THINLENS_BENCHMARKS", "benchmarks-missing")) / name
    if not folder.is_dir():
        pytest.skip("set THINLENS_BENCHMARKS to the folder that has Set5, Set14 and BSD100")
    scores = evaluate("bicubic", folder)
    assert [score.data for score in scores] == [name] * 3 and all(score.known for score in scores)
    assert [score.psnr for score in scores] == pytest.approx(expected, abs=0.01)


SCORES = [
    Score("bicubic", 2, "Set5", True, 33.6818, 0.93052, (ImageScore("a.png", 33.6818, 0.93052),)),
    Score("bicubic", 2, "mine", False, float("inf"), 1.0, (ImageScore("b.png", float("inf"), 1.0),)),
    Score("eSR-MAX_s3_K3_C2", 3, "Set5", True, 30.6, 0.87, (ImageScore("a.png", 30.6, 0.87),)),
]


def test_reports(golden: Callable[[str, str], None]) -> None:
    golden("scores.md", markdown(SCORES))
    golden("scores.json", to_json(SCORES) + "\n")
    console = Console(width=80, force_terminal=False)
    with console.capture() as capture:
        console.print(table(SCORES))
    assert "33.68 / 0.9305" in capture.get() and "mine*" in capture.get()


def test_scores_are_read_as_they_were_written() -> None:
    """But for what is rounded of a picture's scores."""
    assert from_json(to_json(SCORES)) == SCORES
    long = Score("é", 2, "Set5", True, 33.123456789, 0.123456789, (ImageScore("ü.png", 33.123456789, 0.123456789),))
    (read,) = from_json(to_json([long]))
    assert read == replace(long, images=(ImageScore("ü.png", 33.1235, 0.123457),))


def test_programs_are_scored_through_the_public_call(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bicubic as a program, given itself and as a file, scores what the yardstick does."""
    calls: list[tuple[int, ...]] = []

    def upscale(picture: Any, **options: Any) -> Any:
        calls.append(picture.shape)
        return run.upscale(picture, **options)

    monkeypatch.setattr(thinlens, "upscale", upscale)
    taps = bicubic_taps(2)
    kernels = np.einsum("iy,jx->ijyx", taps, taps).reshape(4, 1, 5, 5).astype(np.float32)
    program = Program("Bicubic_s2", (Convolution(0, kernels, padding="edge"), PixelShuffle(1, 2)))
    save(program, tmp_path / "bicubic.safetensors")
    inner = Protocol(border=5)  # there the two treatments of the border do not reach
    mine, filed = evaluate([program, tmp_path / "bicubic.safetensors"], folder, protocol=inner)
    assert calls == [(20, 25, 3), (20, 25)] * 2
    (yardstick,) = evaluate("bicubic", folder, scale=2, protocol=inner)
    assert (mine.model, mine.scale) == ("Bicubic_s2", 2)
    assert filed.psnr == mine.psnr
    assert mine.psnr == pytest.approx(yardstick.psnr, abs=0.05)
    with pytest.raises(ValueError, match="Bicubic_s2 enlarges 2 times, not 3"):
        evaluate(program, folder, scale=3)
    with pytest.raises(ValueError, match="unknown model 'finest'"):
        evaluate("finest", folder)


def test_compressed_pictures_are_scored_as_files(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The picture that is enlarged is what a JPEG file shows, and its source what that file says."""
    seen: list[tuple[Any, str]] = []

    def upscale(picture: Any, *, scale: int, model: str, source: str) -> Any:
        seen.append((picture, source))
        return run.upscale(picture, scale)

    monkeypatch.setattr(thinlens, "upscale", upscale)
    sources = {}
    for quality in (30, 75, 98):
        (score,) = evaluate("balanced", folder, scale=2, jpeg=quality)
        assert score.jpeg == quality
        sources[quality] = seen[-1][1]
    assert sources == {30: "jpeg-low", 75: "jpeg-medium", 98: "clean"}
    evaluate("balanced", folder, scale=2, jpeg=75, source="jpeg-high")
    assert seen[-1][1] == "jpeg-high"
    evaluate("balanced", folder, scale=2)
    assert seen[-1][1] == "clean"
    with pytest.raises(ValueError, match=r"^the quality of JPEG must be from 1 to 100, got 0$"):
        evaluate("bicubic", folder, jpeg=0)


def test_the_worse_the_quality_the_worse_the_score(folder: Path) -> None:
    found = [evaluate("bicubic", folder, scale=2, jpeg=quality)[0].psnr for quality in (10, 50, 95)]
    assert found == sorted(found)
    assert found[-1] < evaluate("bicubic", folder, scale=2)[0].psnr + 0.1
    (cleaned,) = evaluate("bicubic", folder, scale=1, jpeg=50)
    assert cleaned.scale == 1


def test_reports_of_compressed_pictures() -> None:
    text = markdown([*SCORES[:1], replace(SCORES[0], jpeg=75)])
    assert text.splitlines()[0] == "| model | scale | JPEG | Set5 |"
    assert text.splitlines()[3] == "| bicubic | ×2 | 75 | 33.68 / 0.9305 |"
    assert from_json(to_json([replace(SCORES[0], jpeg=75)])) == [replace(SCORES[0], jpeg=75)]
