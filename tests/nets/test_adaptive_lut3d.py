"""Image-adaptive 3D LUTs: modules and their programs, the authors' files, and the terms of the loss."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from equivalence.tolerances import FLOAT
from thinlens import convert, nets, run
from thinlens.nets import adaptive_lut3d
from thinlens.nets.color_statistics import color_statistics
from thinlens.program import ColorStatistics, ColorTable, MixTables, Program, load, reference
from thinlens.program.color_reference import color_statistics as reference_statistics

IDS = ["LUT3D_N3_S5", "LUT3D_N2_S4_unpaired", "LUT3D_N4_S9_statistics"]
SIZES = [(1, 1), (7, 300), (256, 256), (61, 47)]


def random_network(identifier: str) -> nets.Network:
    torch.manual_seed(3)
    module = nets.build(nets.parse(identifier))
    with torch.no_grad():
        for value in module.parameters():
            value += (0.1 if value.dim() == 5 else 0.01) * torch.randn_like(value)
        if identifier.endswith("statistics"):
            module.predictor.mean += torch.rand_like(module.predictor.mean)
    return module.eval()


def as_trained(program: Program) -> Program:
    """The program without what is done to the grays of mixed tables after training."""
    ops = [replace(op, steepest=None) if isinstance(op, MixTables) else op for op in program.ops]
    return replace(program, ops=(*ops[:-1], replace(ops[-1], interpolation="trilinear")))


def test_grays_of_color_statistics_are_steady() -> None:
    *_, mix, last = nets.lower(random_network(IDS[2])).ops
    assert isinstance(mix, MixTables) and mix.steepest == adaptive_lut3d.STEEPEST
    assert isinstance(last, ColorTable) and last.interpolation == "tetrahedral"


def picture(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(height + width).random((height, width, 3), np.float32)


@pytest.mark.parametrize("identifier", IDS)
@pytest.mark.parametrize("shape", SIZES)
def test_the_program_computes_what_the_module_computes(identifier: str, shape: tuple[int, int]) -> None:
    module, pixels = random_network(identifier), picture(*shape)
    with torch.no_grad():
        expected = module(torch.from_numpy(pixels).permute(2, 0, 1)[None])[0].permute(1, 2, 0).numpy()
    program = as_trained(nets.lower(module))
    assert program.name == identifier and program.channels == 3 and program.scale == 1 and program.adaptive
    np.testing.assert_allclose(reference.run(program, pixels), expected, atol=2e-5)
    np.testing.assert_allclose(run.enhance(pixels, program), expected, atol=max(FLOAT, 1e-4))
    levels = np.rint(pixels * 255).astype(np.uint8)
    with torch.no_grad():
        expected = module(torch.from_numpy(levels).permute(2, 0, 1)[None] / 255)[0].permute(1, 2, 0).numpy()
    difference = run.enhance(levels, program) - 255 * expected.clip(0, 1)
    assert np.abs(difference).max() <= 1


def test_a_fresh_network_leaves_photos_as_they_are() -> None:
    photo = torch.rand(2, 3, 9, 8)
    for identifier in IDS:
        module = nets.build(nets.parse(identifier)).eval()
        with torch.no_grad():
            module.predictor.get_parameter("last.weight" if "statistics" in identifier else "layers.0.weight").zero_()
            weights = module.predictor(adaptive_lut3d.thumbnails(photo))
            changed = module(photo)
        torch.testing.assert_close(changed, weights[:, :1, None, None] * photo / module.upper, atol=1e-5, rtol=0)


@pytest.mark.parametrize("shape", [(1, 1), (40, 30), (3, 200)])
def test_statistics_with_tensors_are_those_of_the_operation(shape: tuple[int, int]) -> None:
    random = np.random.default_rng(1)
    noise = random.uniform(-0.1, 1.1, (3, *shape)).astype(np.float32)
    bytes_ = (random.integers(0, 256, (3, *shape)) / 255).astype(np.float32)
    gray = np.repeat(bytes_[:1], 3, axis=0)
    both = color_statistics(torch.from_numpy(np.stack([noise, bytes_, gray])))
    for found, planes in zip(both.numpy(), (noise, bytes_, gray), strict=True):
        expected = reference_statistics(ColorStatistics(0), planes)[:, 0, 0]
        np.testing.assert_allclose(found, expected, atol=2e-6)


def authors_network(paired: bool, size: int) -> tuple[torch.nn.Sequential, list[torch.Tensor]]:
    """The layers as the article has them, the resizing first, and three random tables."""
    torch.manual_seed(5)
    widths = (3, 16, 32, 64, 128, 128)
    layers: list[torch.nn.Module] = [torch.nn.Upsample(size=(256, 256), mode="bilinear")]
    for index in range(5):
        layers += [torch.nn.Conv2d(widths[index], widths[index + 1], 3, stride=2, padding=1), torch.nn.LeakyReLU(0.2)]
        if index < (4 if paired else 1):
            layers += [torch.nn.InstanceNorm2d(widths[index + 1], affine=True)]
    layers += [torch.nn.Dropout(0.5)] if paired else []
    model = torch.nn.Sequential(*layers, torch.nn.Conv2d(128, 3, 8))
    return model.eval(), [torch.rand(3, size, size, size) for _ in range(3)]


def authors_formula(weights: torch.Tensor, luts: list[torch.Tensor], photo: np.ndarray) -> np.ndarray:
    """Color by color, corner by corner, with cells 1.0001 / (size - 1) wide."""
    size = luts[0].shape[-1]
    table = sum(float(weight) * lut.double() for weight, lut in zip(weights, luts, strict=True)).numpy()
    place = photo.astype(np.float64) / (1.0001 / (size - 1))
    low = np.floor(place).astype(int)
    part = place - low
    result = np.zeros(photo.shape)
    for blue, green, red in np.ndindex(2, 2, 2):
        weight = np.prod([part[..., c] if k else 1 - part[..., c] for c, k in enumerate((red, green, blue))], axis=0)
        corner = table[:, low[..., 2] + blue, low[..., 1] + green, low[..., 0] + red]
        result += weight[..., None] * np.moveaxis(corner, 0, -1)
    return result


def save_as_authors(folder: Path, model: torch.nn.Module, luts: list[torch.Tensor]) -> None:
    folder.mkdir(exist_ok=True)
    torch.save({str(n): {"LUT": lut} for n, lut in enumerate(luts)}, folder / "LUTs.pth")
    torch.save({f"model.{name}": value for name, value in model.state_dict().items()}, folder / "classifier.pth")


@pytest.mark.parametrize("size", [33, 9])
@pytest.mark.parametrize("paired", [True, False])
def test_published_files_compute_what_the_article_says(tmp_path: Path, paired: bool, size: int) -> None:
    model, luts = authors_network(paired, size)
    save_as_authors(tmp_path / "pretrained", model, luts)
    photo = picture(70, 50)
    photo[0, :4] = [[0, 0, 0], [1, 1, 1], [0, 1, 0], [1, 0, 0.5]]
    with torch.no_grad():
        weights = model(torch.from_numpy(photo).permute(2, 0, 1)[None])[0, :, 0, 0]
    expected = authors_formula(weights, luts, photo)
    module = nets.from_published(tmp_path / "pretrained")
    assert str(module.config) == f"LUT3D_N3_S{size}" + ("" if paired else "_unpaired")
    with torch.no_grad():
        found = module.eval()(torch.from_numpy(photo).permute(2, 0, 1)[None])[0].permute(1, 2, 0).numpy()
    np.testing.assert_allclose(found, expected, atol=1e-5)
    made = convert(tmp_path / "pretrained", tmp_path / "enhance.safetensors")
    assert made.provenance["published"] == "pretrained"
    assert isinstance(made.ops[-1], ColorTable) and made.ops[-1].upper == 1.0001
    np.testing.assert_allclose(reference.run(load(tmp_path / "enhance.safetensors"), photo), expected, atol=1e-5)
    np.testing.assert_allclose(run.enhance(photo, made), expected, atol=1e-4)


def test_old_running_means_of_published_files_are_passed_over(tmp_path: Path) -> None:
    model, luts = authors_network(True, 4)
    save_as_authors(tmp_path, model, luts)
    state = torch.load(tmp_path / "classifier.pth")
    torch.save({**state, "model.3.running_mean": torch.zeros(16)}, tmp_path / "classifier.pth")
    assert str(nets.from_published(tmp_path).config) == "LUT3D_N3_S4"


class Bomb:
    def __reduce__(self):
        return print, ("executed",)


def test_what_is_no_published_folder_is_refused(tmp_path: Path, capsys) -> None:
    model, luts = authors_network(True, 4)
    with pytest.raises(FileNotFoundError, match="is a folder, not a checkpoint"):
        convert(tmp_path, tmp_path / "program.safetensors")
    save_as_authors(tmp_path, model, luts)
    for tables in ({}, {"0": luts[0]}, {"0": {"LUT": luts[0]}, "2": {"LUT": luts[1]}}, {"0": {"LUT": luts[0][0]}}):
        torch.save(tables, tmp_path / "LUTs.pth")
        with pytest.raises(ValueError, match="must hold tables '0', '1', …, each with a 'LUT' of 3 × size³"):
            nets.from_published(tmp_path)
    torch.save(Bomb(), tmp_path / "LUTs.pth")
    with pytest.raises(ValueError, match=r"LUTs\.pth is not a torch state dict"):
        nets.from_published(tmp_path)
    assert "executed" not in capsys.readouterr().out
    save_as_authors(tmp_path, model, luts)
    state = torch.load(tmp_path / "classifier.pth")
    torch.save({**state, "features.0.weight": torch.zeros(1)}, tmp_path / "classifier.pth")
    with pytest.raises(
        ValueError, match=r"has 'features\.0\.weight' where 'model\.N\.weight' or 'model\.N\.bias' should"
    ):
        nets.from_published(tmp_path)
    torch.save({name: value for name, value in state.items() if "13" not in name}, tmp_path / "classifier.pth")
    with pytest.raises(ValueError, match="does not fit LUT3D_N3_S4: "):
        nets.from_published(tmp_path)
    torch.save({**state, "model.1.weight": torch.zeros(16, 3, 5, 5)}, tmp_path / "classifier.pth")
    with pytest.raises(ValueError, match=r"tensor 'predictor\.layers\.0\.weight' is \(16, 3, 5, 5\), not"):
        nets.from_published(tmp_path)


def test_look_ups_have_gradients() -> None:
    tables = torch.rand(2, 3, 3, 3, 3, dtype=torch.float64, requires_grad=True)
    photos = torch.rand(2, 3, 2, 2, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda t: adaptive_lut3d.look_up(t, photos, 1.0001), (tables,))


def test_the_terms_of_the_loss_by_hand() -> None:
    tables = torch.zeros(2, 3, 4, 4, 4)
    tables[0, 1] = torch.tensor([0.0, 0.1, 0.4, 0.2])  # along red, alike along blue and green
    smooth, monotone = adaptive_lut3d.smoothness(tables), adaptive_lut3d.reversals(tables)
    expected = (2 * 0.1**2 + 0.3**2 + 2 * 0.2**2) / 3 / 3  # of three intervals, in one of three channels
    torch.testing.assert_close(smooth, torch.tensor([expected, 0.0]))
    torch.testing.assert_close(monotone, torch.tensor([0.2 / 3 / 3, 0.0]))
    across = tables.transpose(2, 4)
    torch.testing.assert_close(adaptive_lut3d.smoothness(across), smooth)
    assert float(adaptive_lut3d.reversals(adaptive_lut3d.identity(5)[None])) == 0


def test_thumbnails_are_those_of_torch() -> None:
    photo = torch.rand(1, 3, 300, 77)
    expected = functional.interpolate(photo, (256, 256), mode="bilinear", align_corners=False)
    assert torch.equal(adaptive_lut3d.thumbnails(photo), expected)
