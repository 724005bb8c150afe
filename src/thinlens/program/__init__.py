"""The program: what a network is to everything that runs or exports it. See ops for the concept."""

from .color_ops import (
    COLOR_OPERATIONS,
    ColorStatistics,
    ColorTable,
    InstanceNorm,
    Interpolation,
    MixTables,
    StridedConvolution,
    Thumbnail,
)
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

__all__ = [
    "COLOR_OPERATIONS",
    "FRACTION_BITS",
    "Activation",
    "Add",
    "AddChroma",
    "ColorStatistics",
    "ColorTable",
    "Convolution",
    "FakeQuantize",
    "Function",
    "InstanceNorm",
    "Interpolation",
    "Logit",
    "Luma",
    "MixTables",
    "Operand",
    "Operation",
    "Padding",
    "PixelShuffle",
    "Program",
    "ReduceMax",
    "RoundingShiftRight",
    "SoftmaxSum",
    "StridedConvolution",
    "Thumbnail",
    "ValueType",
    "bicubic",
    "dump",
    "load",
    "missing",
    "renumbered",
    "save",
]
