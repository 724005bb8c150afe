"""Training: a recipe and a folder of photos to a checkpoint."""

from .recipe import Recipe, load_recipe
from .run import train

__all__ = ["Recipe", "load_recipe", "train"]
