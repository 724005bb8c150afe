"""The softmax-weighted sum of channels, as expressions."""

from __future__ import annotations

from collections.abc import Callable
from math import e, log2

import halide as hl
import numpy as np
from numpy.polynomial import Chebyshev, Polynomial
from numpy.typing import NDArray

from ..program import Logit

LOG2_E = hl.f32(log2(e))
ROUNDER = 1.5 * 2**23
"""Floats of this size are whole numbers."""
RECIPROCAL_BITS = 0x7EF127EA
"""What 1/x and x have together in bits, with the least largest error."""
LEAST_POWER = -60.0
"""Beside a weight of 1, one of 2**-60 adds nothing to a float32 sum."""
POWERS_OF_TWO = Chebyshev.interpolate(np.exp2, 5, [-0.5, 0.5]).convert(kind=Polynomial).coef
"""2**f for |f| ≤ 1/2 as a polynomial, within 2e-7."""


COARSE_POWERS = Chebyshev.interpolate(np.exp2, 3, [-0.5, 0.5]).convert(kind=Polynomial).coef
"""The same within 1.1e-4."""


def weighted_sum(channel: Callable[[int], hl.Expr], channels: int, logit: Logit, coarse: bool = False) -> hl.Expr:
    """Σ value·softmax(logit): channels are all values, then (for "query*key") all queries, then all keys.

    Where `coarse`, within 1e-3 of the values' differences, a quarter of a level of 8 bits if these are 1.
    """
    count = channels // (3 if logit == "query*key" else 2)
    if logit == "key":
        logits = [channel(count + k) for k in range(count)]
    elif logit == "key*key":
        logits = [channel(count + k) * channel(count + k) for k in range(count)]
    else:
        logits = [channel(count + k) * channel(2 * count + k) for k in range(count)]
    largest = logits[0]
    for value in logits[1:]:
        largest = hl.max(largest, value)
    # one multiply-add for each logit; the rounding of what is subtracted is the same for all, so it cancels out
    powers = COARSE_POWERS if coarse else POWERS_OF_TWO
    weights = [power_of_two(value * LOG2_E - largest * LOG2_E, powers) for value in logits]
    total = sum(weights[1:], weights[0])
    weighted = [weight * channel(k) for k, weight in enumerate(weights)]
    result = sum(weighted[1:], weighted[0])
    return result * reciprocal(total) if coarse else result / total


def reciprocal(x: hl.Expr) -> hl.Expr:
    """1/x for x > 0, float32, within 1.3e-4 of the result, by the same arithmetic on every processor.

    What processors have for this differs in its last bits from one to the next. Subtracting the bits of x from those of
    a constant gives 1/x within five percent, one step of third order the rest.
    """
    result = hl.reinterpret(hl.Float(32), hl.i32(RECIPROCAL_BITS) - hl.reinterpret(hl.Int(32), x))
    error = hl.f32(1) - x * result
    return result + result * (error + error * error)


def exponential(x: hl.Expr) -> hl.Expr:
    """exp(x) for x ≤ 0, float32, within 5e-7 of the result down to x = -5, within 3e-9 of 1 below."""
    return power_of_two(x * LOG2_E)


def power_of_two(x: hl.Expr, powers: NDArray[np.float64] = POWERS_OF_TWO) -> hl.Expr:
    """2**x for x ≤ 0, or little above, float32.

    A polynomial of the fraction, |fraction| ≤ 1/2, whose exponent is lowered by the whole part. Adding ROUNDER leaves
    the whole part in the lowest bits of the sum. Below LEAST_POWER all is the same, because the tiny products that
    would follow are denormal, which trained networks made three times slower.
    """
    power = hl.max(x, hl.f32(LEAST_POWER))
    rounded = hl.strict_float(power + hl.f32(ROUNDER))
    fraction = power - hl.strict_float(rounded - hl.f32(ROUNDER))
    polynomial = hl.f32(float(powers[-1]))
    for coefficient in powers[-2::-1]:
        polynomial = polynomial * fraction + hl.f32(float(coefficient))
    bits = hl.reinterpret(hl.Int(32), polynomial) + (hl.reinterpret(hl.Int(32), rounded) << 23)
    return hl.reinterpret(hl.Float(32), bits)
