"""Activations and quantization, as expressions."""

from __future__ import annotations

import halide as hl

from ..program import FakeQuantize, Function
from .softmax import exponential

TANH_RANGE = 7.5
"""Beyond it, tanh is within 6.2e-7 of ±1."""
TANH_UPPER = (0.99999946, 0.12743763, 0.0027292873, 7.4229847e-06, -6.6433418e-09)
TANH_LOWER = (1.0, 0.4607689, 0.022987879, 0.00020107174)
"""tanh(v) = v · upper(v²) / lower(v²) for |v| ≤ TANH_RANGE, fitted for the least largest error, which is 1.1e-7."""


def activate(value: hl.Expr, function: Function, slope: hl.Expr | None) -> hl.Expr:
    """The function of a float32 value, within 7e-7; `slope` is that of its channel, for prelu."""
    match function:
        case "relu":
            return hl.max(value, hl.f32(0))
        case "prelu":
            return hl.select(value < 0, slope * value, value)
        case "tanh":
            return hyperbolic_tangent(value)
        case "sigmoid":
            return hyperbolic_tangent(value * hl.f32(0.5)) * hl.f32(0.5) + hl.f32(0.5)
        case "softplus":
            return hl.max(value, hl.f32(0)) + hl.log(exponential(-hl.abs(value)) + hl.f32(1))


def hyperbolic_tangent(value: hl.Expr) -> hl.Expr:
    """tanh(v), float32, within 7e-7."""
    inside = hl.clamp(value, hl.f32(-TANH_RANGE), hl.f32(TANH_RANGE))
    square = inside * inside
    return inside * _polynomial(TANH_UPPER, square) / _polynomial(TANH_LOWER, square)


def _polynomial(coefficients: tuple[float, ...], value: hl.Expr) -> hl.Expr:
    result = hl.f32(coefficients[-1])
    for coefficient in coefficients[-2::-1]:
        result = result * value + hl.f32(coefficient)
    return result


def fake_quantize(value: hl.Expr, op: FakeQuantize, inverse_scale: hl.Expr, zero_point: hl.Expr) -> hl.Expr:
    """The nearest of the values that 8 bits stand for; inverse scale and zero point are the channel's, float32."""
    quantized = hl.clamp(hl.round(value * inverse_scale) + zero_point, hl.f32(0), hl.f32(255))
    return (quantized - zero_point) * hl.f32(op.scale)
