"""`thinlens train`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer


def train(
    network: Annotated[
        str, typer.Argument(metavar="ID", help="As eSR-TR_s2_K5_C4, or a recipe file, as my.py or my.py:name.")
    ],
    data: Annotated[Path, typer.Option("--data", help="A folder of photos.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The checkpoint file, .safetensors.")],
    start: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(help="A checkpoint or program of the same network to begin with, in the place of random weights."),
    ] = None,
    steps: Annotated[Optional[int], typer.Option(help="Instead of the recipe's.")] = None,  # noqa: UP045
    seed: Annotated[Optional[int], typer.Option(help="Instead of the recipe's.")] = None,  # noqa: UP045
    optimizer: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(help="adam, soap or least-squares (networks of one layer), instead of the recipe's."),
    ] = None,
    loss: Annotated[Optional[str], typer.Option(help="mse, l1 or log-mse, instead of the recipe's.")] = None,  # noqa: UP045
    device: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(help="cpu, cuda, … [default: a GPU where there is one]"),
    ] = None,
    compiled: Annotated[
        bool, typer.Option("--compiled", help="Steps up to twice as fast by torch.compile; needs a C++ compiler.")
    ] = False,
    resume: Annotated[bool, typer.Option(help="Go on where an earlier run was interrupted.")] = True,
) -> None:
    """Train a network on a folder of photos."""
    import thinlens

    run = thinlens.train  # says so if torch is missing
    from ..training import default_recipe, load_recipe

    recipe = load_recipe(network) if ".py" in network else default_recipe(network)
    recipe = recipe.overridden(optimizer, steps, seed=seed, loss=loss)
    psnr = run(recipe, data, out, start=start, resume=resume, device=device, compiled=compiled)
    print(f"{out}: {recipe.id}, validation PSNR {psnr:.2f} dB")
