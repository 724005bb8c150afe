"""Files that decoders warn of, or other programs refuse, whose pixels are right all the same."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from thinlens.photo import open_photo, read

PIXELS = np.random.default_rng(0).integers(0, 256, (20, 30, 3)).astype(np.uint8)


def encoded(kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(PIXELS).save(buffer, kind, **options)
    return buffer.getvalue()


def chunk(kind: bytes, data: bytes, wrong: int = 0) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data) ^ wrong)


def with_chunk(added: bytes, behind: bool = False) -> bytes:
    """A PNG with a chunk before its picture, or behind it."""
    data = encoded("PNG")
    at = data.index(b"IEND" if behind else b"IDAT") - 4
    return data[:at] + added + data[at:]


@pytest.mark.parametrize("behind", [False, True])
def test_a_damaged_text_of_a_png_is_left_out_with_a_note(tmp_path: Path, behind: bool) -> None:
    path = tmp_path / "photo.png"
    path.write_bytes(with_chunk(chunk(b"tEXt", b"Comment\0hello", wrong=1), behind))
    opened = open_photo(path)
    np.testing.assert_array_equal(opened.read().pixels, PIXELS)
    assert opened.notes == (f"{path}: a text in it is damaged, and left out",)
    assert opened.details.metadata.texts == ()


def test_a_damaged_chunk_that_may_change_the_picture_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    path.write_bytes(with_chunk(chunk(b"gAMA", struct.pack(">I", 100000), wrong=1)))
    with pytest.raises(ValueError, match="damaged or cut short"):
        open_photo(path)


def test_an_animation_of_one_frame_is_a_picture(tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    for frames in (1, 2):
        path.write_bytes(with_chunk(chunk(b"acTL", struct.pack(">II", frames, 0))))
        if frames == 1:
            np.testing.assert_array_equal(read(path).pixels, PIXELS)
        else:
            with pytest.raises(ValueError, match="is animated"):
                read(path)


@pytest.mark.parametrize("ended", [True, False])
def test_odd_parameters_of_a_sequential_scan(tmp_path: Path, ended: bool) -> None:
    data = bytearray(encoded("JPEG", quality=90))
    (tmp_path / "plain.jpg").write_bytes(data)
    at = data.index(b"\xff\xda")
    at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    data[at - 3 : at] = b"\0\0\0"
    (tmp_path / "odd.jpg").write_bytes(data if ended else data[:-2])
    np.testing.assert_array_equal(read(tmp_path / "odd.jpg").pixels, read(tmp_path / "plain.jpg").pixels)


def test_progressive_scans_keep_their_parameters(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(encoded("JPEG", progressive=True))
    expected = np.asarray(Image.open(tmp_path / "photo.jpg"))
    assert np.abs(read(tmp_path / "photo.jpg").pixels.astype(int) - expected).max() <= 2
