"""Programs as compiled pipelines (Halide). `compile` is the way in; see build for what it decides."""

from .build import Compiled, check_picture, compile

__all__ = ["Compiled", "check_picture", "compile"]
