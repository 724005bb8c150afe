"""The article's predictor on pairs made by damage, for a few minutes: for comparison, not released."""

from thinlens.training import Recipe, TableDescent

recipe = Recipe("LUT3D_N3_S33", TableDescent(steps=2500, table_rate=1e-3))
