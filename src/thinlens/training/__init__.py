"""Training: a recipe and a folder of photos to a checkpoint."""

from .recipe import CriticDescent, GradientDescent, LeastSquares, Recipe, TableDescent, load_recipe
from .run import default_recipe, fine_tuned, train

__all__ = [
    "CriticDescent",
    "GradientDescent",
    "LeastSquares",
    "Recipe",
    "TableDescent",
    "default_recipe",
    "fine_tuned",
    "load_recipe",
    "train",
]
