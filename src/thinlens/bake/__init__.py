"""Passes from program to program: each a pure function that states how far it may change the picture."""

from .fixed import fix_point
from .fuse import fuse
from .quantize import quantize

__all__ = ["fix_point", "fuse", "quantize"]
