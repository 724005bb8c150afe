"""Kernels: pipelines compiled for a processor, kept on disk, loaded and called. `compile` is the way in."""

from .arrays import check_picture, check_range
from .compiled import Compiled, compile
from .look_up import TableLookUp, by_float
from .prediction import Gathered, Prediction, chosen_table, mixed, predict

__all__ = [
    "Compiled",
    "Gathered",
    "Prediction",
    "TableLookUp",
    "by_float",
    "check_picture",
    "check_range",
    "chosen_table",
    "compile",
    "mixed",
    "predict",
]
