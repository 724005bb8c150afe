"""The article's predictor without pairs, against a critic, for a few minutes: for comparison, not released."""

from thinlens.training import CriticDescent, Recipe

recipe = Recipe("LUT3D_N3_S33_unpaired", CriticDescent(steps=1200))
