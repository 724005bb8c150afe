"""The program: what a network is to everything that runs or exports it. See ops for the concept."""

from .file import dump, load, save
from .interpolation import bicubic
from .ops import (
    FRACTION_BITS,
    ChannelMaximum,
    Convolution,
    Luma,
    Op,
    PixelShuffle,
    Program,
    Recolor,
    RoundShift,
    SoftmaxSum,
)
from .validate import validate

__all__ = [
    "FRACTION_BITS",
    "ChannelMaximum",
    "Convolution",
    "Luma",
    "Op",
    "PixelShuffle",
    "Program",
    "Recolor",
    "RoundShift",
    "SoftmaxSum",
    "bicubic",
    "dump",
    "load",
    "save",
    "validate",
]
