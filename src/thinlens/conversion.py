"""From a trained network to a program that runs without torch."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np

from . import bake, checkpoint, nets, program
from .bake import fixed_point
from .bake.tabulate import supports as why_no_table
from .data.compression import Degradation
from .data.pairs import Sampling, prepare, shrink
from .program import Convolution, Lookup, Program
from .training import fine_tuned

TABLE = ".npy"
"""What the names of published tables end in."""
PUBLISHED = (".model", ".pth", ".pt")
"""What the names of published checkpoints end in."""
CALIBRATION = Sampling(per_photo=1, size=288, reductions=(2,))
SMALLEST = 2
"""The scale that makes the largest pictures of these crops; others are cut to that."""
PICTURES = 64
"""How many crops of photos quantized layers are fitted to."""


def convert(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    quantize: str | os.PathLike[str] | None = None,
    fine_tune: str | os.PathLike[str] | None = None,
    compression: Degradation | None = None,
) -> Program:
    """Write the program of a checkpoint, ours or a published one (`.model`, `.pth`, `.pt`); return it.

    A published checkpoint has its id in its name, as `eSR-MAX_s2_K3_C2.model`, or is a folder of `LUTs.pth` and
    `classifier.pth`, or a table of SR-LUT, as `Model_S_x4_4bit_int8.npy`. Branches are merged (`bake.fuse`); where
    there is a fixed-point form (`fixed_point.supports`), uint8 pictures get it; a network of few pixels becomes a
    table for them (`bake.tabulate`), LUT its tables (`bake.to_layered_tables`). `quantize` is a folder of photos: uint8
    pictures then get a network of many layers quantized, with int8 weights, fitted to crops of them (`bake.quantize`),
    which go through `compression` before, as in training.
    `fine_tune` is a folder of photos to train the entries of tables on (`training.entries`); `source` may then be a
    program that has tables.
    Raises OSError or ValueError if there is no such network in the file or no such folder.
    """
    path = Path(source)
    pair = path.is_dir() and all((path / name).is_file() for name in nets.adaptive_lut3d.FILES)
    if not (path.is_file() or pair):
        raise FileNotFoundError(f"{path} is a folder, not a checkpoint" if path.is_dir() else f"{path} does not exist")
    folder = Path(target).parent
    if not folder.is_dir():
        raise FileNotFoundError(f"cannot write {target}: create the folder {folder} first")
    if path.suffix == TABLE:
        made = _table(path, quantize is not None)
    elif fine_tune is not None and program.is_program(path):
        made = program.load(path)
    else:
        made = _of_network(path, pair)
    if quantize is not None:
        made = replace(made, uint8=_quantized(made, quantize, compression))
    if fine_tune is not None:
        made = fine_tuned(made, fine_tune)
    program.save(made, target)
    return made


def _of_network(path: Path, pair: bool) -> Program:
    """The program of a checkpoint, in integers too where there is a form without photos."""
    if pair or path.suffix in PUBLISHED:
        module, provenance = nets.from_published(path), {"published": path.name}
    else:
        module, provenance = checkpoint.load(path)
    texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in provenance.items()}
    made = replace(bake.fuse(nets.lower(module)), provenance=texts)
    if fixed_point.supports(made) is None:
        made = replace(made, uint8=fixed_point.to_fixed_point(made))
    elif why_no_table(made) is None:
        made = replace(made, uint8=bake.tabulate(made))
    elif (tables := bake.to_layered_tables(made, nets.lut.TABLE_LEVELS)) is not None:
        made = replace(made, uint8=tables)
    return made


def _table(path: Path, quantize: bool) -> Program:
    """The program of a published table."""
    if quantize:
        raise ValueError(f"{path} is a table: there is nothing to quantize; convert it without")
    try:
        table = np.load(path, allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise ValueError(f"{path} is not a NumPy file of numbers, or is damaged: {error}") from None
    if not isinstance(table, np.ndarray):
        raise ValueError(f"{path} holds several arrays, not one table")
    return replace(bake.from_sr_lut(table, path.stem), provenance={"published": path.name})


def _quantized(made: Program, photos: str | os.PathLike[str], compression: Degradation | None) -> Program:
    if made.uint8 is not None and any(isinstance(op, Lookup) for op in made.uint8.ops):
        raise ValueError(f"{made.name} is a table for 8-bit pictures: there is nothing to quantize; convert it without")
    if made.uint8 is not None or sum(isinstance(op, Convolution) for op in made.ops) < 2:
        raise ValueError(f"{made.name} has one layer: there is nothing to quantize; convert it without")
    crops = prepare(photos, CALIBRATION).train
    chosen = crops[np.linspace(0, len(crops) - 1, min(PICTURES, len(crops))).astype(int)]
    side = CALIBRATION.size // max(made.scale, SMALLEST) * made.scale
    return bake.quantize(made, list(shrink(chosen[:, :side, :side], made.scale, compression)))
