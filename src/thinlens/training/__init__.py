"""Training: a recipe and a folder of photos to a checkpoint."""

from .recipe import GradientDescent, LeastSquares, Recipe, load_recipe
from .run import default_recipe, train

__all__ = ["GradientDescent", "LeastSquares", "Recipe", "default_recipe", "load_recipe", "train"]
