"""The published networks, one file per architecture, and the crossings: identifier → module → program."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import torch
from torch import Tensor, nn

from ..program import Padding, Program
from . import adaptive_lut3d, bicubic, ec_lut, ecbsr, ecbsr_dysample, edge_sr, espcn, esr_cnn, fsrcnn, lut, sr_lut
from .dysample import DySample as DySample
from .network import Config, Network

FAMILIES: dict[type[Config], type[Network]] = {
    bicubic.Config: bicubic.Network,
    edge_sr.Config: edge_sr.Network,
    esr_cnn.Config: esr_cnn.Network,
    espcn.Config: espcn.Network,
    fsrcnn.Config: fsrcnn.Network,
    ecbsr.Config: ecbsr.Network,
    sr_lut.Config: sr_lut.Network,
    ec_lut.Config: ec_lut.Network,
    lut.Config: lut.Network,
    ecbsr_dysample.Config: ecbsr_dysample.Network,
    adaptive_lut3d.Config: adaptive_lut3d.Network,
}
"""Every family: the config that its ids are parsed to, and the module that is built of it."""

EXAMPLES = ("Bicubic_s2", "eSR-MAX_s2_K3_C2", "eSR-TM_s3_K5_C4", "ECBSR_s2_M4_C16", "EC-LUT_s4", "LUT3D_N3_S33")


def parse(identifier: str) -> Config:
    """The config that `str()` turns into this identifier. Raises ValueError with examples for an unknown one."""
    for family in FAMILIES:
        if (config := family.parse(identifier)) is not None:
            return config
    raise ValueError(f"{identifier!r} is not the id of a network; ids look like {', '.join(EXAMPLES)}")


def build(config: Config, padding: Padding = "zero") -> Network:
    """A module of this config with fresh weights."""
    if type(config) not in FAMILIES:
        raise _foreign(config)
    return FAMILIES[type(config)](config, padding)


def lower(module: nn.Module) -> Program:
    """The program that computes what the module computes, on the CPU, without torch."""
    if not isinstance(module, Network):
        raise _foreign(module)
    return module.lower()


def load_tensors(module: Network, tensors: dict[str, Tensor], origin: str) -> None:
    """Fill a module. Raises ValueError, naming the first tensor that is missing, unknown or of another shape."""
    identifier = str(module.config)
    wanted = module.state_dict()
    for name in [*wanted, *tensors]:
        if name not in tensors:
            raise ValueError(f"{origin} does not fit {identifier}: it has no tensor {name!r}")
        if name not in wanted:
            raise ValueError(f"{origin} does not fit {identifier}: the network has no tensor {name!r}")
        if tensors[name].shape != wanted[name].shape:
            found, needed = tuple(tensors[name].shape), tuple(wanted[name].shape)
            raise ValueError(f"{origin} does not fit {identifier}: tensor {name!r} is {found}, not {needed}")
        if not torch.isfinite(tensors[name]).all():
            raise ValueError(f"{origin}: tensor {name!r} holds values that are not finite")
    module.load_state_dict(tensors)


def from_published(path: str | os.PathLike[str]) -> Network:
    """Read the authors' file: a torch state dict whose file name is the id, such as `eSR-TR_s2_K5_C4.model`.

    Of image-adaptive 3D LUTs it is the folder of two files, `adaptive_lut3d.FILES`. Only tensors are read
    (`weights_only=True`), never code. Raises ValueError if the file is not a state dict or does not fit the id of its
    name, OSError if it cannot be read.
    """
    path = Path(path)
    if path.is_dir():
        tables, classifier = (_read(path / name) for name in adaptive_lut3d.FILES)
        config, tensors = adaptive_lut3d.published(tables, classifier, str(path))
        module = build(config)
    else:
        module = build(parse(path.stem))
        state = _read(path)
        if not all(isinstance(value, Tensor) for value in state.values()):
            raise ValueError(f"{path} is not a torch state dict: it holds more than named tensors")
        tensors = {name: value.float() for name, value in state.items()}
    load_tensors(module, tensors, str(path))
    return module


def _read(path: Path) -> dict[str, Any]:
    """What a file of `torch.save` holds by name. Raises ValueError if it is none or holds code."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, BadZipFile, KeyError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(f"{path} is not a torch state dict: {reason}") from None
    if not isinstance(state, dict):
        raise ValueError(f"{path} is not a torch state dict: it holds {type(state).__name__}, not named tensors")
    return {str(name): value for name, value in state.items()}


def _foreign(part: object) -> TypeError:
    return TypeError(f"{type(part).__name__} is not a thinlens network; build one with nets.build(nets.parse(id))")
