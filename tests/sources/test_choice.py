"""Which source is taken for a file and for a picture, and what is said of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from jpeg import decoded, jpeg, scene
from thinlens import models
from thinlens.sources import AUTO, UNTOUCHED, Choice, asked, by_content, by_headers, of_file, of_quality

PICTURE = scene(96, 120)


def test_the_lower_the_quality_the_further_down_the_list() -> None:
    found = [of_quality(quality) for quality in range(100, 0, -1)]
    assert list(dict.fromkeys(found)) == [source for source in models.SOURCES if source != "h264"]


def test_what_is_asked_for_is_taken() -> None:
    assert asked(AUTO) is None
    choice = asked("jpeg-low")
    assert choice is not None and choice == Choice("jpeg-low") and choice.asked
    with pytest.raises(ValueError) as caught:
        asked("jpeg")
    known = "clean, jpeg-high, jpeg-medium, jpeg-low, h264, or auto where there is a picture"
    assert str(caught.value) == f"unknown source 'jpeg'; there are {known}"


@pytest.mark.parametrize(
    ("quality", "source"), [(98, "clean"), (90, "jpeg-high"), (75, "jpeg-medium"), (35, "jpeg-low")]
)
def test_files_and_pictures_of_them(tmp_path: Path, quality: int, source: str) -> None:
    data = jpeg(PICTURE, quality)
    (tmp_path / "photo.jpg").write_bytes(data)
    choice = by_headers(tmp_path / "photo.jpg")
    assert choice == Choice(source, f"JPEG of quality {quality}")
    pixels = decoded(data)
    seen = by_content([pixels], pixels.shape)
    assert seen.source == source
    assert seen.why.startswith("traces of JPEG of quality " if quality < 95 else "")


def test_nothing_said_and_nothing_seen(tmp_path: Path) -> None:
    Image.fromarray(PICTURE).save(tmp_path / "photo.png")
    assert by_headers(tmp_path / "photo.png") is None
    assert str(by_content([PICTURE], PICTURE.shape)) == "clean (no traces of JPEG)"


def test_other_formats_are_worth_what_a_jpeg_file_is(tmp_path: Path) -> None:
    Image.fromarray(PICTURE).save(tmp_path / "photo.webp", quality=10)
    choice = by_headers(tmp_path / "photo.webp")
    assert choice is not None
    assert choice.source == "jpeg-low"
    assert choice.why.startswith("WebP like JPEG of quality ")


def test_a_file_that_was_saved_again(tmp_path: Path) -> None:
    pixels = decoded(jpeg(scene(200, 240), 50))
    (tmp_path / "photo.jpg").write_bytes(jpeg(pixels, 97, subsampling=0))
    again = decoded((tmp_path / "photo.jpg").read_bytes())
    choice = of_file(by_headers(tmp_path / "photo.jpg"), lambda: by_content([again], again.shape))
    assert choice == Choice("jpeg-low", "traces of JPEG of quality 50, saved again: JPEG of quality 97")


def test_headers_and_content_together() -> None:
    low, high = Choice("jpeg-low", "low"), Choice("jpeg-high", "high")
    assert of_file(None, lambda: low) is low
    assert of_file(high, lambda: UNTOUCHED) is high
    assert of_file(high, lambda: Choice("jpeg-high", "seen")) is high
    assert of_file(high, lambda: low).source == "jpeg-low"
    medium = Choice("jpeg-medium", "medium")
    assert of_file(medium, lambda: low) is medium


def test_flat_tables_are_not_taken_for_an_earlier_file(tmp_path: Path) -> None:
    """The picture of a flat table looks worse than it is."""
    data = jpeg(scene(200, 240), qtables=[[4] * 64] * 2)
    (tmp_path / "photo.jpg").write_bytes(data)
    pixels = decoded(data)
    choice = of_file(by_headers(tmp_path / "photo.jpg"), lambda: by_content([pixels], pixels.shape))
    assert choice == Choice("clean", "JPEG of quality 97")
