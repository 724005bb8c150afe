"""Passes from program to program: each a pure function that states how far it may change the picture."""

from .fixed_point import to_fixed_point
from .fuse import fuse
from .layered_tables import to_layered_tables
from .quantize import quantize
from .sr_lut_table import from_sr_lut
from .tabulate import tabulate

__all__ = ["from_sr_lut", "fuse", "quantize", "tabulate", "to_fixed_point", "to_layered_tables"]
