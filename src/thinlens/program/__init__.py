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
from .file import dump, is_program, load, save
from .interpolation import bicubic, shifted_bicubic
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
    Upsample,
)
from .program import Program
from .sampling_ops import Multiply, PointSample, Slice
from .table_ops import Lookup, LookupInterpolation, Rescale, ShiftAndSum, fits_16_bits
from .table_picture import table_picture

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
    "Lookup",
    "LookupInterpolation",
    "Luma",
    "MixTables",
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
    "StridedConvolution",
    "Thumbnail",
    "Upsample",
    "ValueType",
    "bicubic",
    "dump",
    "fits_16_bits",
    "is_program",
    "load",
    "missing",
    "renumbered",
    "save",
    "shifted_bicubic",
    "table_picture",
]
