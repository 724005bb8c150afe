"""Whatever a user gives that does not serve is answered with one sentence that says what to do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import thinlens
from thinlens import checkpoint, models, nets, run
from thinlens.jobs import photos_kind, plan
from thinlens.photo import Photo, check_target, read, write
from thinlens.photo.formats import NAMES
from thinlens.program import Convolution, PixelShuffle, Program, ReduceMax, save

OPS = (Convolution(0, np.ones((8, 1, 3, 3), np.float32)), PixelShuffle(1, 2), ReduceMax(2))
TINY = Program("tiny", OPS)

KEEP = "; give --keep-damaged to take what can be read"


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    write(Photo(np.random.default_rng(0).integers(0, 256, (60, 80, 3)).astype(np.uint8)), tmp_path / "photo.png")
    return tmp_path / "photo.png"


def message(kind: type[Exception], call: object, *arguments: object, **options: object) -> str:
    assert callable(call)
    with pytest.raises(kind) as caught:
        call(*arguments, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_photos_that_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    assert message(FileNotFoundError, read, path) == f"{path} does not exist"
    assert message(IsADirectoryError, read, tmp_path) == f"{tmp_path} is a folder, not a photo"
    path.touch()
    assert message(ValueError, read, path) == f"{path} is empty"
    texts = (b"Dear diary,\n", b"%PDF-1.7", b"<svg width='9' height='9'/>", b"P9 1 1 255 0")
    for content in (*texts, b"\0" * 1000, b"RIFF\0\0\0\0WAVE"):
        path.write_bytes(content)
        assert message(ValueError, read, path) == f"{path} is not a {NAMES} picture"
    for content in (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"II*\0\x08\0\0\0"):
        path.write_bytes(content)
        assert message(ValueError, read, path) == f"{path} is damaged or cut short{KEEP}"
    path.write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
    assert message(ValueError, read, path) == f"{path} is damaged or cut short{KEEP}"


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_photos_cut_short(tmp_path: Path, photo: Path, suffix: str, share: float) -> None:
    write(read(photo), tmp_path / f"whole{suffix}")
    content = (tmp_path / f"whole{suffix}").read_bytes()
    path = tmp_path / f"part{suffix}"
    path.write_bytes(content[: int(share * len(content))])
    assert message(ValueError, read, path) == f"{path} is damaged or cut short{KEEP}"


def test_places_that_cannot_be_written(tmp_path: Path, photo: Path) -> None:
    for name, kind, remedy in (
        ("high.bmp", ValueError, "the name must end in .jpg, .jpeg, .png, .webp, .tif, .tiff or .avif"),
        ("missing/high.png", FileNotFoundError, f"create the folder {tmp_path / 'missing'} first"),
        ("photo.png/high.png", NotADirectoryError, f"{photo} is not a folder"),
    ):
        path = tmp_path / name
        assert message(kind, check_target, path) == f"cannot write {path}: {remedy}"
        assert message(kind, run.upscale_file, photo, path, model=TINY) == f"cannot write {path}: {remedy}"
    (tmp_path / "folder.png").mkdir()
    path = tmp_path / "folder.png"
    assert message(IsADirectoryError, check_target, path) == f"cannot write {path}: a folder has this name"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["folder.png", "photo.png"]


def test_a_photo_is_never_overwritten_by_its_result(tmp_path: Path, photo: Path) -> None:
    before = photo.read_bytes()
    expected = f"{photo} is the photo to enlarge itself; give the result another name"
    assert message(ValueError, run.upscale_file, photo, photo, model=TINY) == expected
    link = tmp_path / "link.png"
    link.hardlink_to(photo)
    assert "is the photo to enlarge itself" in message(ValueError, run.upscale_file, photo, link, model=TINY)
    assert photo.read_bytes() == before


def test_plans_that_cannot_be(tmp_path: Path, photo: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    suffixes = ", ".join(photos_kind().taken)
    assert message(ValueError, plan, [empty], None, "x2") == f"{empty} holds no photos (names ending in {suffixes})"
    missing = tmp_path / "missing.png"
    assert message(FileNotFoundError, plan, [photo, missing], tmp_path, "x2") == f"{missing} does not exist"
    assert message(FileNotFoundError, plan, [photo, missing], None, "x2") == (
        f"{missing} does not exist; if it is to be the result, type -o {missing}"
    )
    assert message(ValueError, plan, [photo], photo, "x2") == (
        f"{photo} is a photo to enlarge; give the result another name or folder"
    )
    assert message(ValueError, plan, [tmp_path], tmp_path, "x2") == (
        f"{photo} is a photo to enlarge; give the result another name or folder"
    )
    (empty / "photo.png").write_bytes(photo.read_bytes())
    target = tmp_path / "larger"
    assert message(ValueError, plan, [photo, empty / "photo.png"], target, "x2") == (
        f"{photo} and {empty / 'photo.png'} would both become {target / 'photo.png'}; enlarge them separately"
    )
    assert message(OSError, plan, [empty], photo / "larger", "x2") == (
        f"cannot make the folder {photo / 'larger'} for the results; give another with -o"
    )
    assert not target.exists()


DTYPES = "a picture must be bool, uint8, uint16, float16, float32 or float64, got {}: convert it with astype"
SHAPES = "a picture must be (H, W) gray or (H, W, 3) RGB, with alpha (H, W, 2) or (H, W, 4), got shape {}"
PIXELS = "a picture must have at least one pixel, got shape {}"
FINITE = "a picture must not hold NaN or infinity: replace them with np.nan_to_num"
RANGE = "a float picture has values from 0 to 1, got {}: divide it by what stands for white, as 255"


@pytest.mark.parametrize(
    ("picture", "kind", "expected"),
    [
        (np.zeros((0, 5), np.uint8), ValueError, PIXELS.format("(0, 5)")),
        (np.zeros((5, 0, 3), np.float32), ValueError, PIXELS.format("(5, 0, 3)")),
        (np.zeros(5, np.uint8), ValueError, SHAPES.format("(5,)")),
        (np.zeros((5, 5, 5), np.uint8), ValueError, SHAPES.format("(5, 5, 5)")),
        (
            np.zeros((2, 5, 5, 3), np.uint8),
            ValueError,
            "pictures go through one by one, got shape (2, 5, 5, 3): give picture[0], then the others",
        ),
        (
            np.zeros((3, 5, 5), np.uint8),
            ValueError,
            "a picture has its channels last, got shape (3, 5, 5): give np.moveaxis(picture, 0, -1)",
        ),
        (np.zeros((5, 5), np.int32), TypeError, DTYPES.format("int32")),
        (np.zeros((5, 5), complex), TypeError, DTYPES.format("complex128")),
        (
            np.zeros((5, 5, 3), bool),
            ValueError,
            "a mask must be (H, W), got shape (5, 5, 3): for black and white colors give picture * np.uint8(255)",
        ),
        (np.full((5, 5), 1e300), ValueError, FINITE),
        (np.full((5, 5), 200, np.float32), ValueError, RANGE.format("200 to 200")),
        (np.full((5, 5, 4), -1.5), ValueError, RANGE.format("-1.5 to -1.5")),
        (
            np.ma.masked_array(np.zeros((5, 5), np.uint8)),
            TypeError,
            "a picture has no masked values: give picture.filled(0), or with another value",
        ),
        (np.full((5, 5), np.nan, np.float32), ValueError, FINITE),
        (np.full((5, 5, 3), np.inf, np.float32), ValueError, FINITE),
        ("photo.png", TypeError, "a picture must be an array, got str; thinlens.upscale_file takes files"),
        (
            [[0, 1], [2, 3]],
            TypeError,
            "a picture must be an array, got list: np.asarray makes one of rows, thinlens.upscale_file takes files",
        ),
    ],
    ids=lambda value: f"{value.dtype}{value.shape}" if isinstance(value, np.ndarray) else "",
)
def test_pictures_that_are_none(picture: object, kind: type[Exception], expected: str) -> None:
    assert message(kind, thinlens.upscale, picture, model=TINY) == expected


def test_unknown_models_are_answered_with_the_known(tmp_path: Path) -> None:
    known = ", ".join([*models.NAMED, models.ENHANCE, *models.names()])
    expected = f"unknown model 'sharpest'; there are {known}, or give a program file"
    assert message(ValueError, thinlens.load, "sharpest") == expected
    assert message(ValueError, thinlens.upscale, np.zeros((4, 4), np.uint8), model="sharpest") == expected
    path = tmp_path / "sharpest.safetensors"
    assert message(FileNotFoundError, thinlens.load, path) == f"{path} does not exist"
    assert message(FileNotFoundError, thinlens.load, tmp_path) == f"{tmp_path} is a folder, not a model"
    path.write_text("not a program")
    assert message(ValueError, thinlens.load, path).startswith(f"{path} is not a thinlens program, or is damaged: ")


def test_checkpoints_are_no_programs(tmp_path: Path) -> None:
    module = nets.build(nets.parse("eSR-MAX_s2_K3_C2"))
    published = tmp_path / "eSR-MAX_s2_K3_C2.model"
    torch.save(module.state_dict(), published)
    expected = f"{published} is a torch checkpoint, not a program; run: thinlens convert {published} -o PROGRAM"
    assert message(ValueError, thinlens.load, published) == expected
    ours = tmp_path / "ours.safetensors"
    checkpoint.save(module, ours, {})
    assert "run: thinlens convert" in message(ValueError, thinlens.load, ours)


def test_checkpoints_that_do_not_fit_their_id(tmp_path: Path) -> None:
    other = nets.build(nets.parse("eSR-MAX_s2_K5_C2")).state_dict()
    published, target = tmp_path / "eSR-MAX_s2_K3_C2.model", tmp_path / "program.safetensors"
    torch.save(other, published)
    assert message(ValueError, thinlens.convert, published, target) == (
        f"{published} does not fit eSR-MAX_s2_K3_C2: tensor 'filter.weight' is (8, 1, 5, 5), not (8, 1, 3, 3)"
    )
    unnamed = tmp_path / "network.model"
    torch.save(other, unnamed)
    assert message(ValueError, thinlens.convert, unnamed, target).startswith("'network' is not the id of a network")
    published.write_text("not a checkpoint")
    assert message(ValueError, thinlens.convert, published, target).startswith(f"{published} is not a torch state dict")
    save(TINY, tmp_path / "tiny.safetensors")
    assert "is not a thinlens checkpoint" in message(
        ValueError, thinlens.convert, tmp_path / "tiny.safetensors", target
    )
    missing = tmp_path / "missing.model"
    assert message(FileNotFoundError, thinlens.convert, missing, target) == f"{missing} does not exist"
    assert not target.exists()


def test_a_program_into_a_missing_folder(tmp_path: Path) -> None:
    published = tmp_path / "eSR-MAX_s2_K3_C2.model"
    torch.save(nets.build(nets.parse("eSR-MAX_s2_K3_C2")).state_dict(), published)
    target = tmp_path / "missing" / "program.safetensors"
    expected = f"cannot write {target}: create the folder {target.parent} first"
    assert message(FileNotFoundError, thinlens.convert, published, target) == expected
