"""Why a network works, as pictures: the filters are those of the program, wins are where they are largest."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("matplotlib")
torch = pytest.importorskip("torch")

import thinlens  # noqa: E402
from thinlens import checkpoint, nets, run  # noqa: E402
from thinlens.explanation.layers import branch_shares, layers_at, liveliest, window_at  # noqa: E402
from thinlens.explanation.templates import templates, wins  # noqa: E402
from thinlens.photo import Photo, read, write  # noqa: E402
from thinlens.program import Convolution, PixelShuffle, Program, ReduceMax, reference  # noqa: E402


def luma(height: int, width: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.random.default_rng(0).random((height, width), np.float32)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    pixels = np.random.default_rng(1).integers(0, 256, (70, 90, 3), np.uint8)
    write(Photo(pixels), tmp_path / "photo.png")
    return tmp_path / "photo.png"


@pytest.mark.parametrize("name", ["eSR-MAX_s3_K3_C2", "eSR-TM_s2_K5_C3", "eSR-TR_s2_K3_C2"])
def test_a_kernel_is_what_one_pixel_adds_to_the_sub_pixels_around_it(name: str) -> None:
    program = nets.lower(nets.build(nets.parse(name), "zero"))
    found = templates(program)
    assert found is not None
    impulse = np.zeros((9, 9), np.float32)
    impulse[4, 4] = 1
    values = [impulse[None]]
    for op in program.ops[:2]:
        values.append(reference.evaluate(op, values))
    groups, count, side, _ = found.kernels.shape
    start = 4 * program.scale - (side - program.scale) // 2
    seen = values[-1][:, start : start + side, start : start + side].reshape(groups, count, side, side)
    np.testing.assert_array_equal(found.kernels, seen)
    assert np.abs(values[-1]).sum() == pytest.approx(np.abs(found.kernels).sum(), rel=1e-5)
    responses = found.responses()
    assert responses.shape == (groups, count, 64, 64) and responses.max() == 0 and responses.min() >= -40


def test_wins_are_those_of_the_largest_template() -> None:
    weight = np.zeros((8, 1, 1, 1), np.float32)
    weight[:4], weight[4:] = 1, -1  # the second is larger where the picture is negative
    program = Program("two", (Convolution(0, weight), PixelShuffle(1, 2), ReduceMax(2)))
    picture = np.array([[1, -1], [-1, -1]], np.float32)
    found = wins(program, picture)
    assert found is not None
    assert found[0].tolist() == np.kron(picture < 0, np.ones((2, 2), int)).tolist()
    assert found[1].tolist() == [0.25, 0.75]


@pytest.mark.parametrize("name", ["eSR-TM_s2_K3_C3", "eSR-TR_s2_K3_C3", "eSR-CNN_s2_C3_D2_S3"])
def test_weights_of_a_softmax_make_the_result(name: str) -> None:
    torch.manual_seed(0)
    program = nets.lower(nets.build(nets.parse(name), "edge"))
    picture = luma(9, 8)
    found = wins(program, picture)
    assert found is not None
    best, share = found
    assert best.shape == (18, 16) and share.sum() == pytest.approx(1, abs=1e-5)
    assert wins(nets.lower(nets.build(nets.parse("ECBSR_s2_M1_C2"), "edge")), picture) is None


def test_layers_are_looked_at_after_their_activations() -> None:
    program = thinlens.load("balanced", scale=2)
    picture = luma(80, 100)
    picture[:, 50:] = 0.5
    assert liveliest(picture)[0] < 50
    found = layers_at(program, picture, (99, 79))
    assert [layer.maps.shape[0] for layer in found] == [8, 8, 8, 4, 1] or len(found) >= 4
    assert found[-1].maps.shape[1:] == (128, 128)
    np.testing.assert_array_equal(window_at(picture, (99, 79)), picture[16:, 36:])


def test_shares_of_branches() -> None:
    module = nets.build(nets.parse("ECBSR_s2_M1_C4"), "edge")
    found = branch_shares(module)
    assert found is not None and list(found) == ["3×3", "1×1 and 3×3", "Sobel x", "Sobel y", "Laplacian"]
    np.testing.assert_allclose(sum(found.values()), 1)
    block = next(part for part in module.modules() if isinstance(part, nets.ecbsr.Block))
    torch.testing.assert_close(sum(block.branch_kernels()), block.merged()[0])
    assert branch_shares(nets.build(nets.parse("eSR-MAX_s2_K3_C1"), "edge")) is None


@pytest.mark.parametrize("model", ["fast", "balanced", "lut"])
@pytest.mark.parametrize("suffix", [".html", ".png"])
def test_a_page_is_whole_and_needs_nothing_else(model: str, suffix: str, photo: Path, tmp_path: Path) -> None:
    out = tmp_path / f"page{suffix}"
    thinlens.explain(model, out, photo, scale=2)
    if suffix == ".png":
        assert min(read(out).pixels.shape[:2]) > 300
        return
    page = out.read_text(encoding="utf-8")
    assert "photo.png is taken for clean" in page
    assert all(link.startswith("data:image/png") for link in re.findall(r"(?:src|href)=[\"']?([^\"']*)", page))
    for data in re.findall(r"base64,([^\"]+)", page):
        assert base64.b64decode(data).startswith(b"\x89PNG")


def test_a_checkpoint_shows_its_branches(tmp_path: Path) -> None:
    checkpoint.save(nets.build(nets.parse("ECBSR_s2_M1_C2"), "edge"), tmp_path / "network.safetensors", {})
    thinlens.explain(tmp_path / "network.safetensors", tmp_path / "page.html")
    assert "Branches of each block" in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_refusals_name_the_fix(photo: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"give -o PAGE\.html or PAGE\.png"):
        thinlens.explain("fast", tmp_path / "page.pdf")
    with pytest.raises(ValueError, match="give a photo to see its feature maps"):
        thinlens.explain("balanced", tmp_path / "page.html")
    with pytest.raises(ValueError, match=r"the place 900,3 is not in .*photo\.png, which has 90×70"):
        thinlens.explain("fast", tmp_path / "page.html", photo, place=(900, 3))
    with pytest.raises(FileNotFoundError, match="create the folder"):
        thinlens.explain("fast", tmp_path / "none" / "page.html")
    assert not list(tmp_path.glob("page*")) and run.load("fast").scale == 2
