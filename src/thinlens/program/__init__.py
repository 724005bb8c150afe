"""The program: what a network is to everything that runs or exports it. See ops for the concept."""

from .file import dump, load, save
from .interpolation import bicubic
from .ops import (
    FRACTION_BITS,
    Activation,
    Addition,
    ChannelMaximum,
    Convolution,
    Luma,
    Op,
    PixelShuffle,
    Program,
    Quantize,
    Recolor,
    RoundShift,
    SoftmaxSum,
)
from .validate import validate

__all__ = [
    "FRACTION_BITS",
    "Activation",
    "Addition",
    "ChannelMaximum",
    "Convolution",
    "Luma",
    "Op",
    "PixelShuffle",
    "Program",
    "Quantize",
    "Recolor",
    "RoundShift",
    "SoftmaxSum",
    "bicubic",
    "dump",
    "load",
    "save",
    "validate",
]
