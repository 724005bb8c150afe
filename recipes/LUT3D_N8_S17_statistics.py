"""The released model `enhance`."""

from thinlens.training import Recipe, TableDescent

recipe = Recipe(
    "LUT3D_N8_S17_statistics",
    TableDescent(
        steps=1000,
        batch=64,
        pixels=256,
        learning_rate=3e-3,
        table_rate=2e-3,
        decay=1.0,
        smoothness=0.1,
        steepest=1.9,
        odd=0.1,
        noise=0.05,
    ),
    loss="log-mse",
    epsilon=65.0,
)
