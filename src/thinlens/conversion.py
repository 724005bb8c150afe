"""From a trained network to a program that runs without torch."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from . import bake, checkpoint, nets, program
from .program import Program


def convert(source: str | os.PathLike[str], target: str | os.PathLike[str]) -> Program:
    """Write the program of a checkpoint, ours (`.safetensors`) or a published one (`.model`, `.pth`); return it.

    A published checkpoint has its id in its name, as `eSR-MAX_s2_K3_C2.model`. Where the family has an integer
    form, it is baked for uint8 pictures. Raises OSError or ValueError if there is no such network in the file.
    """
    path = Path(source)
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist" if not path.exists() else f"{path} is a folder")
    if path.suffix == ".safetensors":
        module, _ = checkpoint.load(path)
    else:
        module = nets.from_published(path)
    made = nets.lower(module)
    with suppress(ValueError):
        made = replace(made, uint8=bake.fix_point(made))
    program.save(made, target)
    return made
