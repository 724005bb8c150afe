"""From a trained network to a program that runs without torch."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from . import bake, checkpoint, nets, program
from .program import Program

PUBLISHED = (".model", ".pth", ".pt")
"""What the names of published checkpoints end in."""


def convert(source: str | os.PathLike[str], target: str | os.PathLike[str]) -> Program:
    """Write the program of a checkpoint, ours or a published one (`.model`, `.pth`, `.pt`); return it.

    A published checkpoint has its id in its name, as `eSR-MAX_s2_K3_C2.model`. Branches are merged
    (`bake.fuse`); where the family has an integer form, it is baked for uint8 pictures. Raises OSError or ValueError
    if there is no such network in the file.
    """
    path = Path(source)
    if not path.is_file():
        raise FileNotFoundError(f"{path} is a folder, not a checkpoint" if path.is_dir() else f"{path} does not exist")
    folder = Path(target).parent
    if not folder.is_dir():
        raise FileNotFoundError(f"cannot write {target}: create the folder {folder} first")
    if path.suffix in PUBLISHED:
        module, provenance = nets.from_published(path), {"published": path.name}
    else:
        module, provenance = checkpoint.load(path)
    texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in provenance.items()}
    made = replace(bake.fuse(nets.lower(module)), provenance=texts)
    with suppress(ValueError):
        made = replace(made, uint8=bake.fix_point(made))
    program.save(made, target)
    return made
