"""Checkpoints: the tensors of a network as safetensors, with their provenance in the header. No pickle anywhere."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes
from torch import Tensor

from . import nets
from .files import write_whole

FORMAT = "thinlens checkpoint 1"


def save(module: nets.Network, path: str | os.PathLike[str], provenance: Mapping[str, Any]) -> None:
    """Write a network and where it comes from; the file appears whole or not at all.

    `provenance` is what JSON can hold: recipe, data, code version, scores. The id and the padding are added.
    """
    known = {"id": str(module.config), "padding": module.padding, "color": module.color}
    header = {"format": FORMAT, "provenance": json.dumps({**known, **provenance})}
    tensors = {name: value.detach().cpu().contiguous() for name, value in module.state_dict().items()}
    write_whole(to_bytes(tensors, header), path)


def load(path: str | os.PathLike[str]) -> tuple[nets.Network, dict[str, Any]]:
    """Read a network and its provenance. Raises ValueError if the file is no checkpoint or its tensors don't fit."""
    tensors, header = read(path)
    if header.get("format") != FORMAT:
        raise ValueError(f"{path} is not a thinlens checkpoint (format {header.get('format')!r})")
    try:
        provenance: dict[str, Any] = json.loads(header["provenance"])
        module = nets.build(nets.parse(provenance["id"]), provenance["padding"])
    except (KeyError, json.JSONDecodeError) as error:
        raise ValueError(f"{path} is damaged: its provenance cannot be read ({error})") from None
    nets.load_tensors(module, tensors, str(path))
    return module, provenance


def read(path: str | os.PathLike[str]) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors and the header of a safetensors file. Raises ValueError if it is not one."""
    with open(path, "rb"):  # a missing or unreadable file raises its own OSError
        pass
    try:
        with safe_open(path, "pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except SafetensorError as error:
        raise ValueError(f"{path} is not a safetensors file, or is damaged: {error}") from None
