"""Color tables as people exchange them: `Lut3d`, and .cube files of it."""

from .lut3d import Curves, Lut3d

__all__ = ["Curves", "Lut3d"]
