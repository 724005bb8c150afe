"""SR-LUT and EC-LUT against what their articles describe: turned pictures, one by one."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from thinlens import nets
from thinlens.nets.few_pixels import distinct
from thinlens.program import reference

SIZES = [(2, 2), (5, 7), (9, 4)]


def turned_one_by_one(module: nets.Network, low: Tensor, below: int, right: int, step: int) -> Tensor:
    """Turn, pad below and on the right by reflection, convolve, shuffle, shift with reflection, turn back; the sum."""
    layers = [(layer.weight, layer.bias) for layer in module.layers]
    (first, bias), *others = layers
    scale, total = module.config.scale, torch.zeros(())
    for turns in range(4):
        picture = functional.pad(torch.rot90(low, turns, (2, 3)), (0, right, 0, below), "reflect")
        kernel = first.view(-1, below + 1, right + 1) if right or first.shape[1] > 2 else first.view(-1, below + 1, 1)
        features = functional.conv2d(picture, kernel[:, None], bias)
        for weight, bias_ in others:
            features = functional.conv2d(features.relu(), weight[:, :, None, None], bias_)
        maps = functional.pixel_shuffle(features, scale)
        if maps.shape[1] == 9:
            framed = functional.pad(maps, [step] * 4, "reflect")
            height, width = maps.shape[2:]
            maps = sum(
                framed[:, k : k + 1, step - dy : step - dy + height, step - dx : step - dx + width]
                for k, (dy, dx) in enumerate((step * y, step * x) for y in (-1, 0, 1) for x in (-1, 0, 1))
            )
        total = total + torch.rot90(maps, -turns, (2, 3))
    return total * module.gain


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    ("identifier", "below", "right", "step"),
    [
        ("SR-LUT-S_s2", 1, 1, 1),
        ("SR-LUT-V_s3", 0, 1, 1),
        ("EC-LUT_s4", 1, 0, 1),
        ("EC-LUT_s2_block", 1, 0, 2),
        ("EC-LUT_s3_block", 1, 0, 3),
    ],
)
@torch.no_grad()
def test_the_turns_of_the_picture(identifier: str, below: int, right: int, step: int, size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    module, low = nets.build(nets.parse(identifier), "edge"), torch.rand(2, 1, *size)
    wanted = turned_one_by_one(module, low, below, right, step)
    torch.testing.assert_close(module(low), wanted, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("padding", ["zero", "edge"])
def test_layers_start_as_the_article_says(padding: nets.Padding) -> None:
    torch.manual_seed(0)
    module = nets.build(nets.parse("EC-LUT_s4"), padding)
    shapes = [tuple(layer.weight.shape) for layer in module.layers]
    assert shapes == [(64, 2), *[(64, 64)] * 4, (144, 64)]
    assert all((layer.bias == 0).all() for layer in module.layers)
    assert float(module.layers[1].weight.detach().std()) == pytest.approx((2 / 64) ** 0.5, rel=0.05)
    assert module.alpha == 0.25


@pytest.mark.parametrize("identifier", ["EC-LUT_s2", "EC-LUT_s3_block", "SR-LUT-V_s2"])
def test_pairs_that_occur_often_are_computed_once_with_the_same_result(identifier: str) -> None:
    torch.manual_seed(0)
    module = nets.build(nets.parse(identifier), "zero")
    levels = torch.randint(100, 110, (3, 1, 6, 8))
    low = levels / 255
    found = distinct(module.seen(low))
    assert found is not None and len(found[0]) < levels.numel() * 4
    torch.testing.assert_close(found[0][found[1]], module.seen(low).flatten(0, 2))
    weights = torch.rand(3, 1, 6 * module.config.scale, 8 * module.config.scale)
    results: list[Tensor] = []
    for picture in (low, low + 1e-4):  # the second is no picture of levels
        module.zero_grad()
        (result := module(picture)).backward(weights)
        results.append(torch.cat([result.flatten(), *(p.grad.flatten() for p in module.parameters())]).detach())
    assert distinct(module.seen(low + 1e-4 * 255)) is None
    torch.testing.assert_close(*results, atol=0.02, rtol=0.02)
    wanted = reference.run(nets.lower(module), low[0, 0].numpy())
    np.testing.assert_allclose(module(low)[0, 0].detach().numpy(), wanted, atol=2e-6)


def test_the_halo_is_what_a_pixel_reaches() -> None:
    halos = {"SR-LUT-S_s4": 1, "EC-LUT_s4": 2, "EC-LUT_s4_block": 2, "EC-LUT_s2_block_second": 3}
    for identifier, halo in halos.items():
        torch.manual_seed(0)
        module = nets.build(nets.parse(identifier), "edge")
        assert nets.lower(module).halo == halo
        low = torch.rand(1, 1, 11, 11)
        changed = low.clone()
        changed[0, 0, 5, 5] += 1
        scale = module.config.scale
        with torch.no_grad():
            differs = (module(low) != module(changed))[0, 0].nonzero()
        assert differs.min() >= (5 - halo) * scale and differs.max() < (6 + halo) * scale
