""".cube files: what programs write is read, all else refused with the number of the line; three other readers agree."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tables import identity_table, random_table
from thinlens.color import Curves, Lut3d, cube

CORNERS = "\n".join(f"{r} {g} {b}" for b in (0, 1) for g in (0, 1) for r in (0, 1))
"""The entries of the identity of two a side, red changing first."""


def written(folder: Path, text: str | bytes, name: str = "x.cube") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


TEXTS: dict[str, str | bytes] = {
    "plain": f"LUT_3D_SIZE 2\n{CORNERS}\n",
    "without a last line break": f"LUT_3D_SIZE 2\n{CORNERS}",
    "title in quotes": f'TITLE "a look"\nLUT_3D_SIZE 2\n{CORNERS}\n',
    "title without": f"TITLE a look\nLUT_3D_SIZE 2\n{CORNERS}\n",
    "CRLF": f"# made on Windows\nLUT_3D_SIZE 2\n{CORNERS}\n".replace("\n", "\r\n"),
    "CR": f"LUT_3D_SIZE 2\n{CORNERS}\n".replace("\n", "\r"),
    "BOM": b"\xef\xbb\xbf" + f"LUT_3D_SIZE 2\n{CORNERS}\n".encode(),
    "another encoding": b'TITLE "\xfcber"\n' + f"LUT_3D_SIZE 2\n{CORNERS}\n".encode(),
    "exponents and signs": f"LUT_3D_SIZE 2\n{CORNERS}\n".replace("1 1 1", "+1.0E+00 10e-1 .1e1").replace(
        "0 0 0", "-0 0. .0"
    ),
    "tabs, spaces, empty lines, comments": f"\n#\n  LUT_3D_SIZE\t 2 \n\n#x\n{CORNERS}\n".replace(
        "0 0 1", " 0\t0   1 #blue"
    ),
    "domain that holds anyway": f"DOMAIN_MIN 0 0 0\nDOMAIN_MAX 1.0 1 1\nLUT_3D_SIZE 2\n{CORNERS}\n",
    "range that holds anyway": f"LUT_3D_SIZE 2\nLUT_3D_INPUT_RANGE 0.0 1.0\n{CORNERS}\n",
    "keywords in lower case": f"lut_3d_size 2\n{CORNERS}\n",
}


@pytest.mark.parametrize("name", TEXTS)
def test_what_programs_write_is_read(name: str, tmp_path: Path) -> None:
    lut = Lut3d.read(written(tmp_path, TEXTS[name], "x.CUBE"))
    np.testing.assert_array_equal(lut.table, identity_table(2))
    assert (lut.lower, lut.upper, lut.shaper) == ((0, 0, 0), (1, 1, 1), None)
    assert lut.title == ("a look" if "title" in name else "\ufffdber" if name == "another encoding" else "")


def test_axes_and_ends_by_hand(tmp_path: Path) -> None:
    """Red changes first, and ends differ by channel."""
    entries = "\n".join(f"{n}e-1 0 -{n}" for n in range(8))
    lut = Lut3d.read(written(tmp_path, f"DOMAIN_MIN 0 -1 0\nDOMAIN_MAX 1 1 2\nLUT_3D_SIZE 2\n{entries}\n"))
    assert lut.table[1, 0, 0].tolist() == pytest.approx([0.1, 0, -1])
    assert lut.table[0, 1, 0].tolist() == pytest.approx([0.2, 0, -2])
    assert lut.table[0, 0, 1].tolist() == pytest.approx([0.4, 0, -4])
    assert (lut.lower, lut.upper) == ((0, -1, 0), (1, 1, 2))


def test_curves_alone_and_before_a_table(tmp_path: Path) -> None:
    curves = "0 0 0\n0.5 0.25 0.5\n2 1 1\n"
    lut = Lut3d.read(written(tmp_path, f"LUT_1D_SIZE 3\nLUT_1D_INPUT_RANGE 0 2\n{curves}"))
    colors = np.array([[[0.5, 0.5, 0.5], [1.5, 2, 9]]], np.float32)
    np.testing.assert_allclose(lut.apply(colors), [[[0.25, 0.125, 0.25], [1.25, 1, 1]]], atol=1e-6)
    assert lut.shaper is not None and (lut.lower, lut.upper) == ((0, 0, 0), (2, 2, 2))
    text = f"LUT_1D_SIZE 3\nLUT_3D_SIZE 2\nLUT_3D_INPUT_RANGE 0 2\n{curves}{CORNERS}\n"
    both = Lut3d.read(written(tmp_path, text))  # the table halves what the shaper gives
    np.testing.assert_allclose(both.apply(colors[:, :1]), [[[0.25, 0.125, 0.25]]], atol=1e-6)
    both.write(tmp_path / "again.cube")
    assert (tmp_path / "again.cube").read_text().splitlines()[:3] == [
        "LUT_1D_SIZE 3",
        "LUT_3D_SIZE 2",
        "LUT_3D_INPUT_RANGE 0.00000000 2.00000000",
    ]
    np.testing.assert_array_equal(Lut3d.read(tmp_path / "again.cube").apply(colors), both.apply(colors))


REFUSED = {
    f"LUT_3D_SIZE 2\n{CORNERS}\n0 0 0\n": "line 10: there are more than the 8 entries that the size asks for",
    f"LUT_3D_SIZE 3\n{CORNERS}\n\n": "line 9: the file ends with 8 of the 27 entries that the size asks for",
    f"LUT_3D_SIZE 2\n{CORNERS}\n".replace("1 0 1", "1 nan 1"): "line 7: an entry must be finite, got 1 nan 1",
    f"LUT_3D_SIZE 2\n{CORNERS}\n".replace("1 0 1", "inf 0 1"): "line 7: an entry must be finite, got inf 0 1",
    f"LUT_3D_SIZE 2\n{CORNERS}\n".replace("1 0 1", "1e39 0 1"): "line 7: an entry must be finite, got 1e39 0 1",
    f"LUT_3D_SIZE 2\n{CORNERS}\n".replace("1 0 1", "1 0"): "line 7: an entry must be three numbers, got 1 0",
    f"LUT_3D_SIZE 2\n{CORNERS}\n".replace("1 0 1", "1 0 1 1"): "line 7: an entry must be three numbers, got 1 0 1 1",
    f"LUT_3D_SIZE 2\n{CORNERS}\n".replace("1 0 1", "1 0 x"): "line 7: an entry must be three numbers, got 1 0 x",
    f"LUT_3D_SIZE 2\n{CORNERS}\n".replace("1 0 1", "1,0 0 1"): "line 7: an entry must be three numbers, got 1,0 0 1",
    f"LUT_3D_SIZE 2\n{CORNERS}\nTITLE x\n": "line 10: there is TITLE x among the entries",
    f"{CORNERS}\n": "line 1: there is no LUT_1D_SIZE or LUT_3D_SIZE before the first entry",
    "LUT_3D_SIZE 1\n0 0 0\n": "line 1: LUT_3D_SIZE must be from 2 to 256, got 1",
    "LUT_3D_SIZE 257\n": "line 1: LUT_3D_SIZE must be from 2 to 256, got 257",
    "LUT_1D_SIZE two\n": "line 1: LUT_1D_SIZE must be from 2 to 65536, got two",
    "LUT_3D_SIZE 2\nLUT_3D_SIZE 2\n": "line 2: LUT_3D_SIZE is there twice, in line 1 too",
    "DOMAIN_MIN 0 0\n": "line 1: DOMAIN_MIN needs 3 numbers, got 0 0",
    "DOMAIN_MIN 0 nan 0\n": "line 1: DOMAIN_MIN needs 3 numbers, got 0 nan 0",
    f"DOMAIN_MIN 0 1 0\nLUT_3D_SIZE 2\n{CORNERS}": "line 1: DOMAIN_MIN must be below DOMAIN_MAX for each channel",
    f"DOMAIN_MIN 0 0 0\nLUT_3D_SIZE 2\nLUT_3D_INPUT_RANGE 0 1\n{CORNERS}": "line 3: DOMAIN_MIN or DOMAIN_MAX and an",
    f"LUT_1D_INPUT_RANGE 0 1\nLUT_3D_SIZE 2\n{CORNERS}": "line 1: LUT_1D_INPUT_RANGE needs a LUT_1D_SIZE",
    "LUT_3D_INPUT_RANGE 1 0\n": "line 1: LUT_3D_INPUT_RANGE must begin below its end, got 1 0",
    "LUT_IN_VIDEO_RANGE\n": "line 1: LUT_IN_VIDEO_RANGE says that values are in video range; export the table for full",
    "SIZE 33\n": "line 1: SIZE is no keyword of .cube files",
    "": "is not a .cube file: it has no LUT_1D_SIZE or LUT_3D_SIZE",
    "LUT_3D_SIZE 2\n\0": "is not a .cube file, which is UTF-8 text of keywords and numbers",
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_not_right_is_refused_with_its_line(text: str, tmp_path: Path) -> None:
    path = written(tmp_path, text)
    with pytest.raises(ValueError, match=f"^{re.escape(str(path))}.*{re.escape(REFUSED[text])}"):
        Lut3d.read(path)


def test_as_written(tmp_path: Path) -> None:
    path = tmp_path / "x.cube"
    table = identity_table(2)
    table[1, 0, 0] = [1 / 3, -0.5, 2]
    Lut3d(table, title="A look").write(path)
    lines = [
        "0.00000000 0.00000000 0.00000000",
        "0.33333334 -0.50000000 2.00000000",
        "0.00000000 1.00000000 0.00000000",
    ]
    assert path.read_bytes().decode().split("\n")[:5] == ['TITLE "A look"', "LUT_3D_SIZE 2", *lines]
    assert path.read_bytes().endswith(b"1.00000000 1.00000000 1.00000000\n") and b"\r" not in path.read_bytes()
    np.testing.assert_allclose(Lut3d.read(path).table, table, atol=1e-8)
    Lut3d(table, (0, 0, -1), (1, 1, 1)).write(path)
    assert path.read_text().splitlines()[:3] == [
        "LUT_3D_SIZE 2",
        "DOMAIN_MIN 0.00000000 0.00000000 -1.00000000",
        "DOMAIN_MAX 1.00000000 1.00000000 1.00000000",
    ]
    with pytest.raises(ValueError, match="a title must have no quotes and line breaks"):
        Lut3d(table, title='"').write(path)
    shaped = Lut3d(table, (0, 0, -1), (1, 1, 1), Curves(np.eye(3, dtype=np.float32)))
    with pytest.raises(ValueError, match="a table behind a shaper must have the same ends for all channels"):
        shaped.write(path)
    assert [file.name for file in tmp_path.iterdir()] == ["x.cube"]


@pytest.mark.parametrize("size", [2, 17, 33])
def test_round_trip(size: int, tmp_path: Path) -> None:
    table = random_table(size)
    cube.write(cube.Cube("x", None, table), tmp_path / "x.cube")
    found = cube.read(tmp_path / "x.cube")
    assert found.table is not None and found.title == "x"
    np.testing.assert_allclose(found.table, table, atol=6e-9)


def test_the_largest_table(tmp_path: Path) -> None:
    table = np.zeros((2, 2, 2, 3), np.float32)
    for size in (64, 65):
        Lut3d(np.resize(table, (size, size, size, 3))).write(tmp_path / "x.cube")
        assert len(Lut3d.read(tmp_path / "x.cube").table) == size


def colors(count: int = 500) -> NDArray[np.float32]:
    return np.random.default_rng(7).uniform(-0.2, 1.2, (1, count, 3)).astype(np.float32)


FOREIGN = {
    "table": Lut3d(random_table(9, 0.1)),
    "table with ends": Lut3d(random_table(9, 0.1), (-0.1, 0, 0.1), (1.1, 1, 0.9)),
    "curves": "LUT_1D_SIZE 5\n" + "0 0 0\n0.1 0.2 0.3\n0.4 0.6 0.5\n0.7 0.9 0.6\n1 1 0.9\n",
    "curves before a table": "LUT_1D_SIZE 3\nLUT_1D_INPUT_RANGE 0 1\nLUT_3D_SIZE 2\nLUT_3D_INPUT_RANGE 0 1\n"
    f"0 0 0\n0.4 0.6 0.5\n1 1 0.9\n{CORNERS}\n".replace("1 0 1", "0.8 0.1 1"),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", FOREIGN)
def test_against_opencolorio_and_colour_science(name: str, tmp_path: Path) -> None:
    content = FOREIGN[name]
    path = tmp_path / "x.cube"
    if isinstance(content, Lut3d):
        content.write(path)
    else:
        path.write_text(content)
    found = Lut3d.read(path).apply(colors())
    expected = _by_opencolorio(path, colors())
    np.testing.assert_allclose(found, expected, atol=2e-5)
    if name == "table":
        np.testing.assert_allclose(Lut3d.read(path).apply(colors(), "trilinear"), _by_colour(path), atol=2e-5)


def _by_opencolorio(path: Path, picture: NDArray[np.float32]) -> NDArray[np.float32]:
    opencolorio: Any = pytest.importorskip("PyOpenColorIO")
    transform = opencolorio.FileTransform(src=str(path), interpolation=opencolorio.INTERP_TETRAHEDRAL)
    processor = opencolorio.Config.CreateRaw().getProcessor(transform).getDefaultCPUProcessor()
    result = picture.reshape(-1, 3).copy()
    for row in result:
        row[:] = processor.applyRGB(row.tolist())
    return result.reshape(picture.shape)


def _by_colour(path: Path) -> NDArray[np.float32]:
    colour: Any = pytest.importorskip("colour")
    return colour.read_LUT(str(path)).apply(np.clip(colors(), 0, 1))


@pytest.mark.parametrize("interpolation", ["trilinear", "tetrahedral"])
def test_ffmpeg_gives_the_same_picture(interpolation: Any, tmp_path: Path) -> None:
    pytest.importorskip("av", reason="FFmpeg's lut3d is reached through PyAV: pip install av")
    from color.ffmpeg import lut3d

    lut = Lut3d(random_table(17, 0.1), title="noise")
    lut.write(tmp_path / "x.cube")
    picture = np.random.default_rng(0).integers(0, 256, (64, 96, 3), dtype=np.uint8)
    found = lut3d(picture, tmp_path / "x.cube", interpolation)
    assert np.abs(found.astype(int) - lut.apply(picture, interpolation)).max() <= 1
