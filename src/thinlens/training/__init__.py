"""Training: a recipe and a folder of photos to a checkpoint."""

from .recipe import Recipe, load_recipe
from .run import default_recipe, train

__all__ = ["Recipe", "default_recipe", "load_recipe", "train"]
