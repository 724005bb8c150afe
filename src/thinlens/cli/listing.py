"""`thinlens list`."""

from __future__ import annotations


def list_models() -> None:
    """List the released models."""
    from .. import models, run

    rows = [(name, scale) for name in (*models.NAMED, *models.OTHERS) for scale in models.SCALES]
    rows += [(name, 1) for name in models.CLEANERS]
    print(f"{'model':<10} {'scale':<6} {'id':<22} {'KiB':>5}  sources")
    for name, scale in rows:
        identifier = models.identifier(name, scale)
        if sources := models.sources(identifier):
            kib = models.path(identifier, source=sources[0]).stat().st_size / 1024
            shown = name if name in models.NAMED else "-"
            print(f"{shown:<10} {f'×{scale}':<6} {identifier:<22} {kib:5.1f}  {' '.join(sources)}")
    file = models.path(models.ENHANCE)
    print(f"{models.ENHANCE:<10} {'':<6} {run.load(models.ENHANCE).name:<22} {file.stat().st_size / 1024:5.1f}")
