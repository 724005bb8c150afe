"""The softmax-weighted sum of channels, as expressions."""

from __future__ import annotations

from collections.abc import Callable
from math import e, log, log2

import halide as hl

from ..program.ops import Score


def weighted_sum(channel: Callable[[int], hl.Expr], channels: int, score: Score) -> hl.Expr:
    """Σ value·softmax(score): channels are all values, then (for "query*key") all queries, then all keys."""
    count = channels // (2 if score == "key" else 3)
    if score == "key":
        scores = [channel(count + k) for k in range(count)]
    else:
        scores = [channel(count + k) * channel(2 * count + k) for k in range(count)]
    largest = scores[0]
    for value in scores[1:]:
        largest = hl.max(largest, value)
    weights = [exponential(value - largest) for value in scores]
    total = sum(weights[1:], weights[0])
    weighted = [weight * channel(k) for k, weight in enumerate(weights)]
    return sum(weighted[1:], weighted[0]) / total


def exponential(x: hl.Expr) -> hl.Expr:
    """exp(x) for x ≤ 0, float32, within 2e-7 of the result where that is above 1e-7 (zero-like below exp(-87)).

    2**(x·log2 e) as a whole power of two, put together from its bits, times a polynomial for the fraction: Taylor in
    the fraction centered at zero, |f| ≤ 1/2, whose next term is below 2e-8.
    """
    power = hl.max(x * hl.f32(log2(e)), hl.f32(-126))
    whole = hl.floor(power + hl.f32(0.5))
    fraction = power - whole
    coefficients = [1.0]
    for n in range(1, 8):
        coefficients.append(coefficients[-1] * log(2) / n)
    polynomial = hl.f32(coefficients[-1])
    for coefficient in reversed(coefficients[:-1]):
        polynomial = polynomial * fraction + hl.f32(coefficient)
    return polynomial * hl.reinterpret(hl.Float(32), (hl.i32(whole) + 127) << 23)
