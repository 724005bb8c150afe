"""The article's predictor, trained on pairs made by damage: not released."""

from thinlens.training import Recipe, TableDescent

recipe = Recipe("LUT3D_N3_S33", TableDescent(steps=6000))
