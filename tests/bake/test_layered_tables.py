"""LUT as tables: the pictures of the network, all feature maps rounded as it was trained to."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from thinlens import bake, nets
from thinlens.program import Add, Convolution, Lookup, Program, fits_16_bits, reference


def network(identifier: str, seed: int = 0) -> nets.Network:
    torch.manual_seed(seed)
    return nets.build(nets.parse(identifier), "edge")


@pytest.mark.parametrize("identifier", ["LUT_s2_K5_C8", "LUT_s3_K3_C3", "LUT_s4_K7_C16"])
def test_the_tables_give_the_pictures_of_the_network(identifier: str) -> None:
    """With the levels that it was trained to round to, within one of the picture's and little more than the rounding of
    the result away; with twice as many nearer still to the network that rounds nothing."""
    module = network(identifier)
    picture = np.random.default_rng(0).integers(0, 256, (13, 21), np.uint8)
    with torch.no_grad():
        exact = module(torch.from_numpy(picture / np.float32(255))[None, None])[0, 0].clamp(0, 1).numpy() * 255
    program = nets.lower(module)
    smooth = np.clip(reference.run(program, picture / np.float32(255)), 0, 1) * 255
    errors: list[float] = []
    for levels in (nets.lut.MAP_LEVELS, nets.lut.TABLE_LEVELS):
        tables = bake.to_layered_tables(program, levels)
        assert tables is not None and tables.halo == program.halo and tables.integer
        result = reference.run(tables, picture)
        errors.append(float(np.sqrt(np.square(result - smooth).mean())))
        if levels == nets.lut.MAP_LEVELS:
            assert np.abs(result - exact).max() <= 1 and np.sqrt(np.square(result - exact).mean()) < 0.32
    assert errors[1] < errors[0]


def test_the_diamond_has_a_table_for_each_of_its_pixels() -> None:
    tables = bake.to_layered_tables(nets.lower(network("LUT_s2_K5_C8")), nets.lut.TABLE_LEVELS)
    assert tables is not None
    first, second, own = (op for op in tables.ops if isinstance(op, Lookup))
    assert first.table.shape == (13, 256, 8) and np.abs(first.offsets[..., 1:]).sum(axis=-1).max() == 2
    assert second.table.shape == (8, 128, 36) and own.table.shape == (1, 256, 36)
    nine = [op.table.reshape(*op.table.shape[:2], 9, 4)[:, :, k] for op in (second, own) for k in range(9)]
    assert fits_16_bits([first.table]) and fits_16_bits(nine)


def test_steep_functions_are_refused() -> None:
    module = network("LUT_s2_K3_C2")
    with torch.no_grad():
        module.get_parameter("first")[:] *= 1e5
    with pytest.raises(ValueError, match="the sums of the first layer do not fit 16 bits: its functions are too steep"):
        bake.to_layered_tables(nets.lower(module), nets.lut.TABLE_LEVELS)


def test_other_programs_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    made = nets.lower(network("LUT_s2_K3_C2"))
    others: list[Program] = [
        nets.lower(network("ESPCN_s2_D4_S6")),
        nets.lower(nets.build(nets.parse("LUT_s2_K3_C2"), "zero")),
        replace(made, ops=(*made.ops[:5], _twice(made.ops[5]), *made.ops[6:])),
        replace(made, ops=(*made.ops, Add(7, 7))),
    ]
    assert all(bake.to_layered_tables(each, 64) is None for each in others)


def _twice(op: Any) -> Convolution:
    """The last layer with a bias, which tables have no place for."""
    return replace(op, bias=np.ones(len(op.weight), np.float32))


def test_sums_that_leave_16_bits() -> None:
    half = np.full((1, 1, 1), 16384, np.int64)
    assert fits_16_bits([half, half - 1]) and not fits_16_bits([half, half])
    assert fits_16_bits([-half, -half]) and not fits_16_bits([-half, -half - 1])
    assert fits_16_bits([half, half, -half])  # what leaves 16 bits on the way comes back
