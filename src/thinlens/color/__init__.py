"""Colors of photos: tables as people exchange them, `Lut3d`, and the looks that photos get by them."""

from .look import Look, mean
from .lut3d import Curves, Lut3d

__all__ = ["Curves", "Look", "Lut3d", "mean"]
