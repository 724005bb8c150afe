"""DySample as a module: the article's formula in loops, gradients, and all the ways in which people use a layer."""

from __future__ import annotations

import io
from math import floor
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from thinlens.nets import DySample

VARIANTS = [(style, dynamic) for style in ("lp", "pl") for dynamic in (False, True)]


def formula(state: dict[str, Any], features: Any, scale: int, style: str, groups: int) -> NDArray[np.float64]:
    """The article's formula, one value at a time: `(B, C, H, W)` to `(B, C, scale·H, scale·W)`."""
    tensors = {name: value.double().numpy() for name, value in state.items()}
    batch, channels, height, width = features.shape
    result = np.zeros((batch, channels, height * scale, width * scale))
    start = tensors["init_pos"].reshape(2, groups, scale, scale)
    for b, y, x, g, i, j in np.ndindex(batch, height, width, groups, scale, scale):
        if style == "lp":  # the pixel's own channels say all offsets
            source = features[b, :, y, x]
            rows = [((axis * groups + g) * scale + i) * scale + j for axis in range(2)]
        else:  # after a pixel shuffle each sub-pixel has its own channels, every scale²-th
            source = features[b, i * scale + j :: scale**2, y, x]
            rows = [axis * groups + g for axis in range(2)]
        offset = [tensors["offset.weight"][row, :, 0, 0] @ source + tensors["offset.bias"][row] for row in rows]
        if "scope.weight" in tensors:
            scope = [tensors["scope.weight"][row, :, 0, 0] @ source for row in rows]
            offset = [0.5 * value / (1 + np.exp(-limit)) for value, limit in zip(offset, scope, strict=True)]
        else:
            offset = [0.25 * value for value in offset]
        column, row = x + offset[0] + start[0, g, i, j], y + offset[1] + start[1, g, i, j]
        column, row = min(max(column, 0), width - 1), min(max(row, 0), height - 1)
        left, above = floor(column), floor(row)
        right, below = min(left + 1, width - 1), min(above + 1, height - 1)
        for c in range(g * channels // groups, (g + 1) * channels // groups):
            plane = features[b, c]
            upper = plane[above, left] * (left + 1 - column) + plane[above, right] * (column - left)
            lower = plane[below, left] * (left + 1 - column) + plane[below, right] * (column - left)
            result[b, c, y * scale + i, x * scale + j] = upper * (above + 1 - row) + lower * (row - above)
    return result


def moved(channels: int, scale: int, style: Any, groups: int, dynamic: bool, spread: float = 2) -> DySample:
    """A module whose weights make offsets of some pixels."""
    torch.manual_seed(1)
    module = DySample(channels, scale, style, groups, dynamic)
    nn.init.normal_(module.offset.weight, std=spread)
    assert module.offset.bias is not None
    nn.init.normal_(module.offset.bias, std=spread)
    if dynamic:
        nn.init.normal_(module.scope.weight, std=spread)
    return module


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("groups", [1, 4])
@pytest.mark.parametrize(("style", "dynamic"), VARIANTS)
def test_the_formula(scale: int, groups: int, style: Any, dynamic: bool) -> None:
    channels = 4 * scale**2 if style == "pl" else 8
    module = moved(channels, scale, style, groups, dynamic)
    for shape in [(2, channels, 3, 5), (1, channels, 1, 1)]:
        features = torch.randn(shape)
        wanted = formula(module.state_dict(), features.double().numpy(), scale, style, groups)
        with torch.no_grad():
            offsets = module.offsets(features)
            assert offsets.shape == (shape[0], 2, groups, shape[2] * scale, shape[3] * scale)
            assert shape[2] == 1 or offsets.abs().max() > 1
            np.testing.assert_allclose(module(features).numpy(), wanted, atol=1e-4, rtol=0)  # float32 coordinates
            exact = moved(channels, scale, style, groups, dynamic).double()
            np.testing.assert_allclose(exact(features.double()).numpy(), wanted, atol=1e-6, rtol=0)


@pytest.mark.parametrize(("style", "dynamic"), VARIANTS)
def test_the_formula_in_float32_within_a_millionth(style: Any, dynamic: bool) -> None:
    """Offsets of up to two pixels, which float32 has to 1e-7; and what is read is in [0, 1]."""
    module = moved(16, 2, style, 4, dynamic, spread=0.7)
    features = torch.rand(1, 16, 5, 7)
    wanted = formula(module.state_dict(), features.double().numpy(), 2, style, 4)
    with torch.no_grad():
        np.testing.assert_allclose(module(features).numpy(), wanted, atol=4e-6, rtol=0)


@pytest.mark.parametrize(("style", "dynamic"), VARIANTS)
def test_gradients(style: Any, dynamic: bool) -> None:
    module = moved(4, 2, style, 2, dynamic, spread=0.4).double()
    features = torch.randn(1, 4, 2, 3, dtype=torch.float64, requires_grad=True)
    names = [name for name, _ in module.named_parameters()]

    def run(source: Any, *tensors: Any) -> Any:
        return torch.func.functional_call(module, dict(zip(names, tensors, strict=True)), (source,))

    assert torch.autograd.gradcheck(run, (features, *module.parameters()), atol=1e-6)


@pytest.mark.parametrize("scale", [2, 3])
@pytest.mark.parametrize(("style", "dynamic"), VARIANTS)
def test_it_starts_as_bilinear_interpolation(scale: int, style: Any, dynamic: bool) -> None:
    torch.manual_seed(0)
    module = DySample(36, scale, style, dynamic=dynamic)
    features = torch.rand(1, 36, 9, 5)
    wanted = nn.functional.interpolate(features, scale_factor=scale, mode="bilinear", align_corners=False)
    with torch.no_grad():
        assert (module(features) - wanted).abs().max() < 0.01
        nn.init.zeros_(module.offset.weight)
        torch.testing.assert_close(module(features), wanted, atol=4e-6, rtol=0)


def test_the_tensors_of_the_authors() -> None:
    shapes = {name: tuple(value.shape) for name, value in DySample(64, 2, dynamic=True).state_dict().items()}
    assert shapes == {
        "offset.weight": (32, 64, 1, 1),
        "offset.bias": (32,),
        "scope.weight": (32, 64, 1, 1),
        "init_pos": (1, 32, 1, 1),
    }
    shapes = {name: tuple(value.shape) for name, value in DySample(64, 4, "pl", 2).state_dict().items()}
    assert shapes == {"offset.weight": (4, 4, 1, 1), "offset.bias": (4,), "init_pos": (1, 64, 1, 1)}
    start = DySample(4, 3, groups=2).init_pos.reshape(2, 2, 3, 3)
    third = torch.tensor([-1, 0, 1]) / 3
    assert torch.equal(start[0, 1, 2], third) and torch.equal(start[1, 0, :, 1], third)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((10,), "10 channels are not 4 equal groups: choose groups that divide them"),
        ((12, 4, "pl"), "12 channels do not shuffle by 4: style 'pl' needs a multiple of 16, 'lp' does not"),
        ((8, 2, "xy"), "style must be one of lp, pl, got 'xy'"),
        ((8, 0), "channels, scale and groups must be at least 1, got 8, 0 and 4"),
    ],
)
def test_what_does_not_divide_is_said_in_one_sentence(arguments: Any, message: str) -> None:
    with pytest.raises(ValueError) as error:
        DySample(*arguments)
    assert str(error.value) == message


@pytest.mark.parametrize(("style", "dynamic"), VARIANTS)
def test_memory_formats_autocast_and_16_bits(style: Any, dynamic: bool) -> None:
    module = moved(16, 2, style, 4, dynamic, spread=0.5)
    features = torch.rand(3, 16, 7, 300)
    with torch.no_grad():
        wanted = module(features)
        last = module(features.to(memory_format=torch.channels_last))
        torch.testing.assert_close(last, wanted, atol=1e-4, rtol=0)
        with torch.autocast("cpu", torch.bfloat16):
            assert module.offsets(features).dtype == torch.float32
            assert module(features).dtype == torch.float32
            assert module(features.bfloat16()).dtype == torch.bfloat16
            assert (module(features) - wanted).abs().mean() < 0.01  # coordinates in bfloat16 would be a pixel off
        half = module.bfloat16()(features.bfloat16())
        assert half.dtype == torch.bfloat16
        assert (half.float() - wanted).abs().mean() < 0.02


@pytest.mark.parametrize(("style", "dynamic"), VARIANTS)
def test_export_and_onnx(style: Any, dynamic: bool) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    module = moved(16, 2, style, 4, dynamic, spread=0.5).eval()
    first, second = torch.rand(2, 16, 7, 9), torch.rand(3, 16, 5, 12)
    sizes = {0: torch.export.Dim("batch"), 2: torch.export.Dim("height"), 3: torch.export.Dim("width")}
    exported = torch.export.export(module, (first,), dynamic_shapes=(sizes,)).module()
    with torch.no_grad():
        wanted = module(second)
        torch.testing.assert_close(exported(second), wanted, atol=1e-5, rtol=0)
    written = io.BytesIO()
    axes = {"features": {0: "batch", 2: "height", 3: "width"}}
    with pytest.warns(DeprecationWarning):
        torch.onnx.export(
            module, (first,), written, opset_version=16, dynamo=False, input_names=["features"], dynamic_axes=axes
        )
    session = onnxruntime.InferenceSession(written.getvalue())
    (result,) = session.run(None, {"features": second.numpy()})
    np.testing.assert_allclose(result, wanted.numpy(), atol=2e-5)


@pytest.mark.parametrize(("style", "dynamic"), VARIANTS)
def test_onnx_by_the_exporter_of_graphs(style: Any, dynamic: bool, tmp_path: Any) -> None:
    pytest.importorskip("onnxscript")
    onnxruntime = pytest.importorskip("onnxruntime")
    module = moved(16, 2, style, 4, dynamic, spread=0.5).eval()
    first, second = torch.rand(2, 16, 7, 9), torch.rand(3, 16, 5, 12)
    sizes = ({0: torch.export.Dim("batch"), 2: torch.export.Dim("height"), 3: torch.export.Dim("width")},)
    torch.onnx.export(module, (first,), tmp_path / "x.onnx", dynamo=True, dynamic_shapes=sizes, verbose=False)
    session = onnxruntime.InferenceSession(tmp_path / "x.onnx")
    (result,) = session.run(None, {session.get_inputs()[0].name: second.numpy()})
    np.testing.assert_allclose(result, module(second).detach().numpy(), atol=2e-5)


@pytest.mark.slow
@pytest.mark.parametrize(("style", "dynamic"), VARIANTS)
def test_torch_compile(style: Any, dynamic: bool) -> None:
    module = moved(16, 2, style, 4, dynamic, spread=0.5)
    compiled = torch.compile(module)
    for shape in [(2, 16, 7, 9), (1, 16, 3, 4)]:
        features = torch.rand(shape)
        with torch.no_grad():
            torch.testing.assert_close(compiled(features), module(features), atol=1e-5, rtol=0)
    compiled(torch.rand(2, 16, 7, 9)).sum().backward()
    assert module.offset.weight.grad is not None
