"""Thumbnails of photos to learn from: good ones of a folder, or pairs by file name."""

from pathlib import Path

import numpy as np
import pytest

from thinlens import photo
from thinlens.data import thumbnails
from thinlens.data.thumbnails import prepare_thumbnails, read_thumbnails
from thinlens.photo import Photo, write


def good(seed: int, height: int = 40, width: int = 50) -> np.ndarray:
    random = np.random.default_rng(seed)
    luma = np.linspace(10, 200, width)[None, :, None] + random.normal(0, 4, (height, width, 1))
    return np.clip(luma + random.normal(0, 20, (height, width, 3)), 0, 245).astype(np.uint8)


def save(folder: Path, pictures: dict[str, np.ndarray]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, pixels in pictures.items():
        write(Photo(pixels), folder / name)


def test_the_good_photos_of_a_folder_are_targets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flat, gray = np.full((30, 30, 3), 99, np.uint8), np.tile(np.arange(10, 240, dtype=np.uint8), (30, 1))
    save(tmp_path / "photos", {f"{n}.png": good(n) for n in range(5)} | {"flat.png": flat, "gray.png": gray})
    counted: list[tuple[int, int]] = []
    made = prepare_thumbnails(
        tmp_path / "photos", 16, 3, cache=tmp_path, progress=lambda done, total: counted.append((done, total))
    )
    assert counted == [(done, 7) for done in range(1, 8)]
    assert made.train.targets.shape == (4, 16, 16, 3) and made.validation.targets.shape == (1, 16, 16, 3)
    assert made.train.inputs is None and made.train.targets.dtype == np.uint8
    assert made.train.odd is not None and made.train.odd.shape == (1, 16, 16, 3)
    corner = good(0)[0:2, 1:3].astype(float)  # the first pixel lies 0.75 rows and 1.0625 columns inside
    rows = corner[0] + 0.75 * (corner[1] - corner[0])
    expected = rows[0] + 0.0625 * (rows[1] - rows[0])
    np.testing.assert_allclose(made.train.targets[0, 0, 0], expected, atol=0.51)

    monkeypatch.setattr(photo, "read", None)  # the second time they come from the cache
    again = prepare_thumbnails(tmp_path / "photos", 16, 3, cache=tmp_path)
    assert again.digest == made.digest
    np.testing.assert_array_equal(again.train.targets, made.train.targets)
    np.testing.assert_array_equal(again.train.odd, made.train.odd)


def test_pairs_belong_together_by_name(tmp_path: Path) -> None:
    names = [f"a{n:04}" for n in range(6)]
    inputs = {f"{name}.png": good(n) // 2 for n, name in enumerate(names)} | {"alone.png": good(7)}
    targets = {f"{name}.tif": good(n) for n, name in enumerate(names)} | {"other.png": good(8), "more.png": good(9)}
    save(tmp_path / "pairs" / "input", inputs)
    save(tmp_path / "pairs" / "target", targets)
    made = prepare_thumbnails(tmp_path / "pairs", 16, 4, cache=tmp_path)
    assert made.train.inputs is not None and made.validation.inputs is not None
    assert made.train.inputs.shape == made.train.targets.shape == (5, 16, 16, 3)
    assert made.validation.inputs.shape == made.validation.targets.shape == (1, 16, 16, 3)
    for photos in (made.train, made.validation):
        np.testing.assert_allclose(photos.inputs, photos.targets / 2, atol=1.1)
    unpaired = prepare_thumbnails(tmp_path / "pairs", 16, 4, paired=False, cache=tmp_path)
    assert unpaired.digest != made.digest
    assert unpaired.train.inputs is not None and len(unpaired.train.inputs) == 6 and len(unpaired.train.targets) == 7
    np.testing.assert_array_equal(unpaired.validation.inputs, made.validation.inputs)


def test_photos_of_16_bits_and_gray_ones(tmp_path: Path) -> None:
    wide = good(1).astype(np.uint16) * 257
    for folder in ("input", "target"):
        save(tmp_path / "pairs" / folder, {"a.png": wide, "b.png": good(1)[..., 0], "c.png": good(1)})
    made = prepare_thumbnails(tmp_path / "pairs", 16, 3, cache=tmp_path)
    np.testing.assert_array_equal(made.train.targets[0], made.validation.targets[0])
    assert (made.train.targets[1] == made.train.targets[1][..., :1]).all()


def test_what_cannot_be_learned_from_is_said(tmp_path: Path) -> None:
    save(tmp_path / "flat", {f"{n}.png": np.full((9, 9, 3), n, np.uint8) for n in range(3)})
    with pytest.raises(ValueError, match="holds 0 photos good enough to learn from, 2 are needed"):
        prepare_thumbnails(tmp_path / "flat", 16, 3, cache=tmp_path)
    save(tmp_path / "pairs" / "input", {"a.png": good(1), "b.png": good(1)})
    save(tmp_path / "pairs" / "target", {"a.png": good(1), "c.png": good(1)})
    with pytest.raises(ValueError, match="has 1 photos of one name in input and target; it needs 2 or more"):
        prepare_thumbnails(tmp_path / "pairs", 16, 3, cache=tmp_path)
    path = tmp_path / "thumbnails.safetensors"
    path.write_bytes(b"nonsense")
    with pytest.raises(ValueError, match="is damaged .*; delete it and train again"):
        read_thumbnails(path)
    from thinlens.data.pairs import Patches, write_patches

    write_patches(Patches(*(np.zeros((1, 48, 48, 3), np.uint8),) * 2, "x"), path)
    with pytest.raises(ValueError, match="is not a thinlens file of thumbnails"):
        read_thumbnails(path)
    assert thumbnails.FORMAT.startswith("thinlens")
