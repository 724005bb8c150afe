"""thinlens makes pictures larger and better looking, on any processor, in real time.

Every name is loaded when it is first used: importing thinlens loads neither torch nor halide nor libvips.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import models
    from .conversion import convert
    from .evaluate import benchmark, evaluate
    from .program import Program
    from .run import compile, load, upscale
    from .train import train

__all__ = ["Program", "benchmark", "compile", "convert", "evaluate", "load", "models", "train", "upscale"]

_HOMES = {
    "Program": "program",
    "benchmark": "evaluate",
    "compile": "run",
    "convert": "conversion",
    "evaluate": "evaluate",
    "load": "run",
    "train": "train",
    "upscale": "run",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return import_module("importlib.metadata").version("thinlens")
    if name == "models":
        return import_module(".models", __name__)
    if name not in _HOMES:
        raise AttributeError(f"module 'thinlens' has no attribute {name!r}")
    try:
        return getattr(import_module(f".{_HOMES[name]}", __name__), name)
    except ModuleNotFoundError as error:
        if error.name == "torch":
            raise ImportError("training needs torch: pip install 'thinlens[train]'") from None
        raise


def __dir__() -> list[str]:
    return [*__all__, "__version__"]


class _Names(ModuleType):
    def __setattr__(self, name: str, value: object) -> None:
        # importing the packages thinlens.train and thinlens.evaluate must not hide the functions of these names
        if not (name in _HOMES and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Names
