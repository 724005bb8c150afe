"""thinlens makes pictures larger and better looking, on any processor, in real time.

Every name is loaded when it is first used: importing thinlens loads neither torch nor halide nor libvips.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import models
    from .color import Lut3d
    from .conversion import convert
    from .evaluation import benchmark, evaluate
    from .explanation import explain
    from .program import Program
    from .run import compile, enhance, enhance_file, load, upscale, upscale_file
    from .training import train

__all__ = [
    "Lut3d",
    "Program",
    "benchmark",
    "compile",
    "convert",
    "enhance",
    "enhance_file",
    "evaluate",
    "explain",
    "load",
    "models",
    "train",
    "upscale",
    "upscale_file",
]

_HOMES = {
    "Lut3d": "color",
    "Program": "program",
    "benchmark": "evaluation",
    "compile": "run",
    "convert": "conversion",
    "enhance": "run",
    "enhance_file": "run",
    "evaluate": "evaluation",
    "explain": "explanation",
    "load": "run",
    "train": "training",
    "upscale": "run",
    "upscale_file": "run",
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
