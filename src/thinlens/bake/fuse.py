"""Branches merged: convolutions that follow one another or are added up become one."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from ..program import Add, Convolution, Operation, Program, renumbered


def fuse(program: Program) -> Program:
    """The same program in fewer operations: what ECBSR trains as five branches becomes one 3×3 convolution [Zhang2021].

    Merged are a 1×1 convolution with the convolution that alone reads it, where the second is padded with what the
    first makes of zeros, or both with the edge; the sum of two convolutions of one source with one
    padding; and the sum of a convolution and its source. All else stays. The arithmetic is the same in another order,
    weights in float64 on the way: values of the order of 1 change by rounding only, less than 1e-5.
    """
    ops = _used([_cast(op, np.float64) for op in program.ops])
    while (merged := _merged(ops)) is not None:
        ops = _used(merged)
    return replace(program, ops=tuple(_cast(op, np.float32) for op in ops))


def _merged(ops: list[Operation]) -> list[Operation] | None:
    """The operations after the first merge that is possible, those that nothing reads any more still among them."""
    uses = Counter(source for op in ops for source in op.operands())
    for index, op in enumerate(ops):
        inputs = [ops[source - 1] if source and uses[source] == 1 else None for source in op.operands()]
        made = None
        if _is_float(op):
            made = _composition(inputs[0], op)
        elif isinstance(op, Add):
            first, second = inputs
            made = _sum(first, second) or _sum_with_source(first, op.other) or _sum_with_source(second, op.source)
        if made is not None:
            return [*ops[:index], made, *ops[index + 1 :]]
    return None


def _composition(first: Operation | None, second: Convolution) -> Convolution | None:
    """One convolution for a 1×1 and the next, if it is the same at the border too."""
    if not _is_float(first) or first.weight.shape[2] > 1:
        return None
    of_zeros = np.zeros(len(first.weight)) if first.bias is None else first.bias
    pad_value = np.zeros(len(first.weight)) if second.pad_value is None else second.pad_value
    if not (second.padding != "zero" or second.weight.shape[2] == 1 or np.array_equal(of_zeros, pad_value)):
        return None
    weight = np.einsum("omyx,mi->oiyx", second.weight, first.weight[:, :, 0, 0])
    bias = _bias_sum(second.bias, np.einsum("omyx,m->o", second.weight, of_zeros))
    return Convolution(first.source, weight, bias, second.padding)


def _sum(first: Operation | None, second: Operation | None) -> Convolution | None:
    """One convolution for the sum of two of the same source, if both have the same padding."""
    if not _is_float(first) or not _is_float(second) or first.source != second.source:
        return None
    larger, smaller = sorted((first, second), key=lambda op: op.weight.shape[2], reverse=True)
    if smaller.weight.shape[2] > 1 and not _same_padding(larger, smaller):
        return None
    border = (larger.weight.shape[2] - smaller.weight.shape[2]) // 2
    centered = np.pad(smaller.weight, ((0, 0), (0, 0), (border, border), (border, border)))
    weight, bias = larger.weight + centered, _bias_sum(larger.bias, smaller.bias)
    return replace(larger, weight=weight, bias=None if bias is None else np.broadcast_to(bias, len(weight)))


def _sum_with_source(convolution: Operation | None, other: int) -> Convolution | None:
    """One convolution for its sum with the value that it reads."""
    if not _is_float(convolution) or convolution.source != other:
        return None
    identity: Any = np.eye(convolution.weight.shape[1])[:, :, None, None]
    return _sum(convolution, Convolution(other, identity))


def _same_padding(one: Convolution, other: Convolution) -> bool:
    if one.pad_value is None or other.pad_value is None:
        return one.padding == other.padding and one.pad_value is other.pad_value
    return np.array_equal(one.pad_value, other.pad_value)


def _bias_sum(one: NDArray[Any] | None, other: NDArray[Any] | None) -> NDArray[Any] | None:
    return other if one is None else one if other is None else one + other


def _is_float(op: Operation | None) -> TypeGuard[Convolution]:
    return isinstance(op, Convolution) and op.weight.dtype == np.float64


def _cast(op: Operation, dtype: Any) -> Operation:
    """A float convolution with weights and bias of this dtype, any other operation as it is."""
    if not isinstance(op, Convolution) or op.weight.dtype.kind != "f":
        return op
    return replace(op, weight=op.weight.astype(dtype), bias=None if op.bias is None else op.bias.astype(dtype))


def _used(ops: list[Operation]) -> list[Operation]:
    """The operations that the last one needs, with their sources as they are counted then."""
    needed = {len(ops)}
    for index in range(len(ops), 0, -1):
        if index in needed:
            needed.update(ops[index - 1].operands())
    numbers = {old: new for new, old in enumerate(sorted(needed | {0}))}
    return [renumbered(ops[old - 1], numbers.__getitem__) for old in sorted(needed - {0})]
