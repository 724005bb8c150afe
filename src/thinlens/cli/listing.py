"""`thinlens list`."""

from __future__ import annotations


def list_models() -> None:
    """List the released models."""
    from .. import models, run

    print(f"{'model':<10} {'scale':<6} {'id':<22} {'KiB':>5}")
    for name in (*models.NAMED, *models.OTHERS):
        for scale in models.SCALES:
            file = models.path(models.identifier(name, scale))
            shown = name if name in models.NAMED else "-"
            print(f"{shown:<10} {f'×{scale}':<6} {file.stem:<22} {file.stat().st_size / 1024:5.1f}")
    file = models.path(models.ENHANCE)
    print(f"{models.ENHANCE:<10} {'':<6} {run.load(models.ENHANCE).name:<22} {file.stat().st_size / 1024:5.1f}")
