"""ECBSR that ends in DySample: module, program, pipeline and ONNX compute the same, in color and in bands too."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import thinlens
from equivalence.tolerances import FLOAT, LEVELS, TORCH
from programs import picture
from thinlens import nets
from thinlens.bake import fuse
from thinlens.program import (
    Activation,
    Add,
    Convolution,
    Padding,
    PixelShuffle,
    PointSample,
    Program,
    reference,
)

IDS = ["ECBSR-DySample_s2_M1_C8", "ECBSR-DySample_s3_M0_C4", "ECBSR-DySample_s4_M1_C4"]


def trained(identifier: str, padding: Padding) -> Any:
    """A module with slopes that count and offsets of up to some pixels, clamped and not."""
    torch.manual_seed(1)
    module: Any = nets.build(nets.parse(identifier), padding).eval()
    for name, value in module.named_parameters():
        if name.endswith((".scale", "act.weight")):
            torch.nn.init.uniform_(value, -0.4, 0.4)
    torch.nn.init.normal_(module.upsampler.offset.weight, std=4)
    torch.nn.init.normal_(module.upsampler.offset.bias, std=4)
    return module


@pytest.mark.parametrize("identifier", IDS)
@pytest.mark.parametrize("padding", ["zero", "edge"])
def test_every_form_computes_the_same(identifier: str, padding: Padding) -> None:
    module = trained(identifier, padding)
    program = nets.lower(module)
    fused = fuse(program)
    compiled = thinlens.compile(fused)
    assert (program.name, program.scale) == (identifier, module.config.scale)
    for height, width in ((1, 1), (2, 9), (23, 37)):
        low = picture(height, width, False, np.float32)
        with torch.no_grad():
            wanted = module(torch.from_numpy(low)[None, None])[0, 0].numpy()
            offsets = module.upsampler.offsets(module.backbone(torch.from_numpy(low)[None, None]))
        assert height < 23 or 2 < offsets.abs().max() < 100
        np.testing.assert_allclose(reference.run(program, low), wanted, rtol=TORCH, atol=2 * TORCH)
        expected = reference.run(fused, low)
        np.testing.assert_allclose(expected, wanted, rtol=TORCH, atol=2 * TORCH)
        np.testing.assert_allclose(compiled(low), expected, rtol=FLOAT, atol=FLOAT)
        source = picture(height, width, True, np.uint8)
        difference = compiled(source).astype(int) - reference.run(fused, source)
        assert np.abs(difference).max() <= LEVELS


def test_what_its_program_is_made_of() -> None:
    program = fuse(nets.lower(nets.build(nets.parse("ECBSR-DySample_s2_M1_C4"))))
    layers = [*[Convolution, Activation] * 2, Convolution, PixelShuffle, PointSample, Convolution]
    assert [type(op) for op in program.ops] == [*layers, Convolution, PixelShuffle, Add]
    assert program.halo == 2 + 3 + 1  # two layers; two pixels and a quarter; half a pixel


def test_it_starts_near_a_convolution_of_bilinear_interpolation() -> None:
    torch.manual_seed(0)
    module: Any = nets.build(nets.parse("ECBSR-DySample_s2_M1_C8"))
    low = torch.rand(1, 1, 12, 10)
    with torch.no_grad():
        features = module.backbone(low)
        enlarged = torch.nn.functional.interpolate(features, scale_factor=2, mode="bilinear", align_corners=False)
        wanted = module.last(enlarged) + torch.nn.functional.interpolate(low, scale_factor=2, mode="nearest")
        assert (module(low) - wanted).abs().max() < 0.01


def test_in_bands_as_in_one_piece() -> None:
    program = fuse(nets.lower(trained("ECBSR-DySample_s2_M1_C8", "edge")))
    compiled, source = thinlens.compile(program), picture(60, 41, True, np.uint8)
    whole, halo = compiled(source), program.color.halo
    for start in range(0, 60, 20):
        top, bottom = max(start - halo, 0), min(start + 20 + halo, 60)
        band = compiled(np.ascontiguousarray(source[top:bottom]))
        np.testing.assert_array_equal(
            band[(start - top) * 2 : (start - top + 20) * 2], whole[start * 2 : start * 2 + 40]
        )


def test_onnx_computes_the_same() -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    from thinlens.export import onnx_model

    program = fuse(nets.lower(trained("ECBSR-DySample_s2_M1_C8", "edge")))
    low = picture(19, 31, False, np.float32)
    session = onnxruntime.InferenceSession(onnx_model.model(program).SerializeToString())
    (result,) = session.run(None, {"picture": low[None, None]})
    np.testing.assert_allclose(result[0, 0], reference.run(program, low), rtol=2 * FLOAT, atol=2 * FLOAT)


@pytest.mark.parametrize(
    ("identifier", "message"),
    [
        ("ECBSR-DySample_s2_M4_C6", "ECBSR-DySample_s2_M4_C6: C must be a multiple of 4, the groups of DySample"),
        ("ECBSR-DySample_s0_M4_C8", "ECBSR-DySample_s0_M4_C8: scale and C must be at least 1, M at least 0"),
    ],
)
def test_impossible_sizes(identifier: str, message: str) -> None:
    with pytest.raises(ValueError) as error:
        nets.parse(identifier)
    assert str(error.value) == message


def test_it_learns_and_becomes_a_program(tmp_path: Path) -> None:
    from thinlens.data.pairs import Sampling
    from thinlens.photo import Photo, write
    from thinlens.training import GradientDescent, Recipe

    random, photos = np.random.default_rng(0), tmp_path / "photos"
    photos.mkdir()
    for index in range(3):
        coarse = random.integers(0, 256, (16, 16, 3)).repeat(8, 0).repeat(8, 1).astype(np.uint8)
        write(Photo(coarse), photos / f"{index}.png")
    recipe = Recipe(
        "ECBSR-DySample_s2_M0_C4",
        GradientDescent("soap", steps=4, batch=2, patch=32, learning_rate=1e-3),
        sampling=Sampling(per_photo=2, size=96, reductions=(1,)),
    )
    psnr = thinlens.train(recipe, photos, tmp_path / "x.safetensors", progress=False, cache=tmp_path)
    assert np.isfinite(psnr)
    program = thinlens.convert(tmp_path / "x.safetensors", tmp_path / "program.safetensors")
    assert isinstance(program, Program) and program.uint8 is None
    assert thinlens.upscale(picture(8, 9, True, np.uint8), 2, replace(program)).shape == (16, 18, 3)
