"""Merged branches compute what the branches compute, borders included; what cannot be merged stays."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from equivalence.tolerances import FLOAT
from thinlens.bake import fuse
from thinlens.program import (
    Activation,
    Add,
    AddChroma,
    Convolution,
    FakeQuantize,
    Luma,
    Operation,
    PixelShuffle,
    Program,
    ReduceMax,
    reference,
)

SIZES = [(1, 1), (1, 2), (3, 2), (8, 9)]
BIAS = np.array([0.5, -0.25, 0.125], np.float32)


def layer(source: int, outputs: int, inputs: int, kernel: int, seed: int = 0, **fields: Any) -> Convolution:
    """Weights that keep values of the order of 1, with a bias unless it is given."""
    draw = np.random.default_rng([seed, source, outputs, inputs, kernel])
    weight = draw.normal(0, 1 / (kernel * inputs**0.5), (outputs, inputs, kernel, kernel)).astype(np.float32)
    fields.setdefault("bias", draw.normal(0, 0.3, outputs).astype(np.float32))
    return Convolution(source, weight, **fields)


def kinds(program: Program) -> list[str]:
    return [type(op).__name__ for op in program.ops]


def assert_same(program: Program, fused: Program) -> None:
    assert (fused.scale, fused.channels, fused.name) == (program.scale, program.channels, program.name)
    for seed, size in enumerate(SIZES):
        shape = size if program.channels == 1 else (*size, 3)
        picture = np.random.default_rng(seed).random(shape, np.float32)
        np.testing.assert_allclose(
            reference.run(fused, picture), reference.run(program, picture), rtol=FLOAT, atol=FLOAT
        )


def tail(source: int) -> tuple[Operation, ...]:
    """From four feature maps to a picture."""
    return PixelShuffle(source, 2), Activation(source + 1, "tanh")


MERGED: dict[str, tuple[Operation, ...]] = {
    "1×1 then 3×3, zero": (layer(0, 3, 1, 1, bias=BIAS), layer(1, 4, 3, 3, pad_value=BIAS)),
    "1×1 without bias then 3×3, zero": (layer(0, 3, 1, 1, bias=None), layer(1, 4, 3, 3)),
    "1×1 with a bias of nothing then 3×3, zero": (layer(0, 3, 1, 1, bias=0 * BIAS), layer(1, 4, 3, 5, bias=None)),
    "1×1 then 3×3, edge": (layer(0, 3, 1, 1), layer(1, 4, 3, 3, padding="edge")),
    "1×1 with zeros around it then 5×5, edge": (
        layer(0, 3, 1, 1, pad_value=BIAS[:1]),
        layer(1, 4, 3, 5, padding="edge"),
    ),
    "1×1 then 1×1, any border": (layer(0, 3, 1, 1), layer(1, 4, 3, 1, pad_value=BIAS)),
    "a sum": (layer(0, 4, 1, 3), layer(0, 4, 1, 3, 1), Add(1, 2)),
    "a sum of two sizes": (layer(0, 4, 1, 3), layer(0, 4, 1, 7), Add(2, 1)),
    "a sum of two sizes, edge": (
        layer(0, 4, 1, 3, padding="edge"),
        layer(0, 4, 1, 1),
        Add(1, 2),
    ),
    "a sum with one pad value": (
        layer(0, 4, 1, 3, pad_value=BIAS[:1]),
        layer(0, 4, 1, 5, pad_value=BIAS[:1]),
        Add(1, 2),
    ),
    "a sum with one map": (layer(0, 4, 1, 3, bias=None), layer(0, 1, 1, 3), Add(2, 1)),
    "a sum with one map, larger": (layer(0, 4, 1, 3), layer(0, 1, 1, 5), Add(1, 2)),
    "the source of one map": (layer(0, 4, 1, 3), Add(1, 0)),
    "three branches": (
        *(layer(0, 4, 1, 3), layer(0, 3, 1, 1, bias=BIAS), layer(2, 4, 3, 3, pad_value=BIAS), Add(1, 3)),
        *(layer(0, 4, 1, 5), Add(4, 5)),
    ),
}


@pytest.mark.parametrize("name", MERGED)
def test_merged_to_one(name: str) -> None:
    ops = MERGED[name]
    program = Program(name, (*ops, *tail(len(ops))), provenance={"data": "none"})
    fused = fuse(program)
    assert kinds(fused) == ["Convolution", "PixelShuffle", "Activation"]
    assert fused.provenance == program.provenance
    assert_same(program, fused)


def test_the_source_is_a_branch_too() -> None:
    """The identity branch of a block with as many feature maps out as in, from both sides of the addition."""
    for padding in ("zero", "edge"):
        head = (layer(0, 4, 1, 3), Activation(1, "relu"))
        for addition in (Add(3, 2), Add(2, 3)):
            program = Program("x", (*head, layer(2, 4, 4, 3, padding=padding), addition, *tail(4)))
            fused = fuse(program)
            assert kinds(fused) == ["Convolution", "Activation", "Convolution", "PixelShuffle", "Activation"]
            assert_same(program, fused)


LEFT: dict[str, tuple[Operation, ...]] = {
    "zeros around what a 1×1 with a bias gave": (layer(0, 3, 1, 1, bias=BIAS), layer(1, 4, 3, 3)),
    "another pad value": (layer(0, 3, 1, 1, bias=BIAS), layer(1, 4, 3, 3, pad_value=BIAS + 1)),
    "3×3 then 3×3": (layer(0, 3, 1, 3), layer(1, 4, 3, 3, padding="edge")),
    "an activation between": (layer(0, 3, 1, 1), Activation(1, "relu"), layer(2, 4, 3, 3, padding="edge")),
    "a middle read twice": (
        *(layer(0, 4, 1, 1), layer(1, 4, 4, 3, padding="edge"), Activation(2, "relu")),
        *(Activation(1, "tanh"), Add(3, 4)),
    ),
    "two sources": (*(layer(0, 4, 1, 3), Activation(1, "relu"), layer(2, 4, 4, 3), layer(0, 4, 1, 3), Add(3, 4)),),
    "two paddings": (layer(0, 4, 1, 3), layer(0, 4, 1, 3, padding="edge"), Add(1, 2)),
    "two pad values": (layer(0, 4, 1, 3), layer(0, 4, 1, 3, pad_value=BIAS[:1]), Add(1, 2)),
    "a summand read twice": (*(layer(0, 4, 1, 3), layer(0, 4, 1, 3), Activation(2, "relu"), Add(1, 2), Add(3, 4)),),
    "the picture behind an activation": (*(layer(0, 3, 1, 3), Activation(1, "relu"), layer(2, 4, 3, 3), Add(3, 0)),),
    "twice the same": (layer(0, 4, 1, 3), Add(1, 1)),
}


@pytest.mark.parametrize("name", LEFT)
def test_left_alone(name: str) -> None:
    ops = LEFT[name]
    program = Program(name, (*ops, *tail(len(ops))))
    fused = fuse(program)
    assert kinds(fused) == kinds(program)
    for one, other in zip(program.ops, fused.ops, strict=True):
        assert one.operands() == other.operands()
        if isinstance(one, Convolution) and isinstance(other, Convolution):
            np.testing.assert_array_equal(one.weight, other.weight)
            np.testing.assert_array_equal(one.bias, other.bias)


def test_integer_and_quantized_layers_are_left_alone() -> None:
    weight = np.ones((4, 1, 3, 3))
    whole = Convolution(0, weight.astype(np.int16))
    integer = Program("x", (whole, whole, Add(1, 2), PixelShuffle(3, 2)))
    int8 = Convolution(1, weight.astype(np.int8), weight_scale=np.ones(4, np.float32))
    quantized = Program("x", (FakeQuantize(0, 0.1, 0), int8, int8, Add(2, 3), PixelShuffle(4, 2)))
    for program in (integer, quantized):
        assert kinds(fuse(program)) == kinds(program)


def test_what_nothing_reads_is_removed() -> None:
    program = Program("x", (layer(0, 3, 1, 3), layer(0, 4, 1, 3), ReduceMax(1), *tail(2)[:1]))
    fused = fuse(program)
    assert kinds(fused) == ["Convolution", "PixelShuffle"]
    assert_same(program, fused)


def test_in_color_and_with_a_uint8_program() -> None:
    program = Program("x", (*MERGED["three branches"], *tail(6)[:1]))
    color = fuse(program.color)
    assert kinds(color) == ["Luma", "Convolution", "PixelShuffle", "AddChroma"]
    assert isinstance(color.ops[0], Luma) and isinstance(color.ops[3], AddChroma) and color.ops[3].operands() == (3, 0)
    assert_same(program.color, color)
    fixed = Program("x", (Convolution(0, np.ones((4, 1, 1, 1), np.int16)), PixelShuffle(1, 2)))
    assert fuse(replace(program, uint8=fixed)).uint8 is fixed


def test_sums_are_formed_in_double_precision() -> None:
    """A large weight that another branch takes away leaves the small one whole."""
    large, small = np.full((4, 1, 1, 1), 2**24, np.float32), np.full((4, 1, 1, 1), 1.0, np.float32)
    layers = (Convolution(0, large), Convolution(0, small), Add(1, 2), Convolution(0, -large), Add(3, 4))
    fused = fuse(Program("x", (*layers, PixelShuffle(5, 2))))
    assert isinstance(fused.ops[0], Convolution)
    np.testing.assert_array_equal(fused.ops[0].weight, small)


@st.composite
def graphs(draw: st.DrawFn) -> Program:
    """Up to seven layers, activations and additions, each reading any value before it, then a picture of them."""
    ops: list[Operation] = []
    channels = [1]
    for _ in range(draw(st.integers(1, 7))):
        source = draw(st.integers(max(0, len(ops) - 2), len(ops)))
        fitting = [k for k, count in enumerate(channels) if count in (1, channels[source]) or channels[source] == 1]
        kind = draw(st.sampled_from(["layer", "layer", "layer", "add", "add", "activate"]))
        if kind == "layer":
            outputs, kernel = draw(st.integers(1, 3)), draw(st.sampled_from([1, 1, 3, 3, 5]))
            ops.append(_drawn_layer(draw, ops, source, outputs, channels[source], kernel))
            channels.append(outputs)
        elif kind == "add":
            other = draw(st.sampled_from(fitting))
            ops.append(Add(source, other))
            channels.append(max(channels[source], channels[other]))
        else:
            ops.append(Activation(source, "tanh"))
            channels.append(channels[source])
    ops.append(layer(len(ops), 4, channels[-1], 1))
    ops.append(PixelShuffle(len(ops), 2))
    return Program("drawn", tuple(ops))


def _drawn_layer(
    draw: st.DrawFn, ops: list[Operation], source: int, outputs: int, inputs: int, kernel: int
) -> Convolution:
    """Often with the pad value that lets it merge with its source."""
    fields: dict[str, Any] = {"padding": draw(st.sampled_from(["zero", "edge"]))}
    if draw(st.booleans()):
        fields["bias"] = None
    before = ops[source - 1] if source else None
    if fields["padding"] == "zero" and isinstance(before, Convolution) and draw(st.booleans()):
        fields["pad_value"] = before.bias
    elif fields["padding"] == "zero" and draw(st.integers(0, 3)) == 0:
        fields["pad_value"] = np.full(inputs, 0.25, np.float32)
    return layer(source, outputs, inputs, kernel, draw(st.integers(0, 9)), **fields)


@settings(max_examples=200, deadline=None)
@given(graphs())
def test_any_graph_computes_the_same(program: Program) -> None:
    fused = fuse(program)
    assert len(fused.ops) <= len(program.ops)
    assert kinds(fuse(fused)) == kinds(fused)
    picture = np.random.default_rng(0).random((6, 5), np.float32)
    values: list[Any] = [picture[None]]
    for op in program.ops:
        values.append(reference.evaluate(op, values))
    size = max(1.0, *(float(np.abs(value).max()) for value in values))
    for low in (picture, picture[:1, :1], picture[:2, :1]):
        assert np.abs(reference.run(fused, low) - reference.run(program, low)).max() <= FLOAT * size


@pytest.mark.parametrize("padding", ["zero", "edge"])
@pytest.mark.parametrize(
    "identifier", ["ECBSR_s2_M2_C8", "ECBSR_s3_M0_C9_linear_identity", "ECBSR_s4_M1_C16_relu_identity"]
)
def test_ecbsr_becomes_one_convolution_for_each_block(identifier: str, padding: Any) -> None:
    """Through the branches and merged; the weights of the module are those that training starts from."""
    torch = pytest.importorskip("torch")
    from thinlens import nets

    torch.manual_seed(3)
    config = nets.parse(identifier)
    module = nets.build(config, padding)
    for name, value in module.named_parameters():
        if name.endswith((".scale", ".bias")):
            torch.nn.init.normal_(value, 0, 0.3)  # as if trained: they start near nothing
    program = nets.lower(module)
    fused = fuse(program)
    blocks = config.blocks + 2
    assert sum(isinstance(op, Convolution) for op in program.ops) == 9 * blocks
    layers = [op for op in fused.ops if isinstance(op, Convolution)]
    assert len(layers) == blocks and all(op.weight.shape[2] == 3 for op in layers)
    assert sum(isinstance(op, Add) for op in fused.ops) == 1
    assert [kind.channels for kind in fused.value_types][-3:] == [config.scale**2, config.scale**2, 1]
    assert all(op.padding == padding and op.pad_value is None for op in layers)
    assert_same(program, fused)
