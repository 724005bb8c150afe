"""The article's predictor, trained without pairs against a critic: not released."""

from thinlens.training import CriticDescent, Recipe

recipe = Recipe("LUT3D_N3_S33_unpaired", CriticDescent(steps=2500))
