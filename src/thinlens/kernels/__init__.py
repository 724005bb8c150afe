"""Kernels: pipelines compiled for a processor, kept on disk, loaded and called. `compile` is the way in."""

from .compiled import Compiled, check_picture, compile

__all__ = ["Compiled", "check_picture", "compile"]
