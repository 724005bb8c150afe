"""The program: what a network is to everything that runs or exports it. See ops for the concept."""

from .file import dump, load, save
from .interpolation import bicubic
from .operation import Operand, Operation, ValueType, missing, renumbered
from .ops import (
    FRACTION_BITS,
    Activation,
    Add,
    AddChroma,
    Convolution,
    FakeQuantize,
    Function,
    Logit,
    Luma,
    Padding,
    PixelShuffle,
    ReduceMax,
    RoundingShiftRight,
    SoftmaxSum,
)
from .program import Program
from .sampling_ops import Multiply, PointSample, Slice
from .table_ops import Interpolation, Lookup, Rescale, ShiftAndSum, fits_16_bits

__all__ = [
    "FRACTION_BITS",
    "Activation",
    "Add",
    "AddChroma",
    "Convolution",
    "FakeQuantize",
    "Function",
    "Interpolation",
    "Logit",
    "Lookup",
    "Luma",
    "Multiply",
    "Operand",
    "Operation",
    "Padding",
    "PixelShuffle",
    "PointSample",
    "Program",
    "ReduceMax",
    "Rescale",
    "RoundingShiftRight",
    "ShiftAndSum",
    "Slice",
    "SoftmaxSum",
    "ValueType",
    "bicubic",
    "dump",
    "fits_16_bits",
    "load",
    "missing",
    "renumbered",
    "save",
]
