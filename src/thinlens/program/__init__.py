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

__all__ = [
    "FRACTION_BITS",
    "Activation",
    "Add",
    "AddChroma",
    "Convolution",
    "FakeQuantize",
    "Function",
    "Logit",
    "Luma",
    "Multiply",
    "Operand",
    "Operation",
    "Padding",
    "PixelShuffle",
    "PointSample",
    "Program",
    "ReduceMax",
    "RoundingShiftRight",
    "Slice",
    "SoftmaxSum",
    "ValueType",
    "bicubic",
    "dump",
    "load",
    "missing",
    "renumbered",
    "save",
]
