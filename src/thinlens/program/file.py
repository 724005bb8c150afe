"""Programs as files: safetensors with the operations as JSON in the header, and as text for people to read."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as to_bytes

from .ops import OPS, Op, Program
from .validate import value_types

FORMAT = "thinlens program 1"
KINDS = {
    "weight": np.ndarray,
    "bias": np.ndarray | None,
    "outside": np.ndarray | None,
    "slope": np.ndarray | None,
    "factor": np.ndarray | None,
    "step": np.ndarray | float | None,
    "zero": np.ndarray | int,
    "padding": str,
    "score": str,
    "function": str,
    "text": str,
}
"""What the fields of operations hold in a file; all others hold whole numbers."""


def dump(program: Program) -> str:
    """The program as text, one operation a line, weights by shape: `3 = ChannelMaximum(2)  → 1 channel ×2`."""
    lines = [f"{program.name}: {program.channels} channels, ×{program.scale}, halo {program.halo}"]
    for index, (op, kind) in enumerate(zip(program.ops, value_types(program)[1:], strict=True), start=1):
        values = {item.name: getattr(op, item.name) for item in fields(op)}
        shown = ", ".join(_show(value, name) for name, value in values.items() if value is not None)
        lines.append(f"{index} = {type(op).__name__}({shown}) → {kind.channels} × {kind.scale}")
    if program.uint8 is not None:
        lines += ["for uint8 pictures:", *("  " + line for line in dump(program.uint8).splitlines())]
    return "\n".join(lines)


def _show(value: object, name: str) -> str:
    if isinstance(value, np.ndarray):
        return f"{name}={value.dtype}[{'×'.join(str(n) for n in value.shape)}]"
    return f"{name}={value}"


def save(program: Program, path: str | os.PathLike[str]) -> None:
    """Write a program; the file appears whole or not at all."""
    tensors: dict[str, NDArray[Any]] = {}
    header = {"format": FORMAT, "program": json.dumps(_encode(program, tensors, ""))}
    write_whole(to_bytes(tensors, header), path)


def write_whole(content: bytes, path: str | os.PathLike[str]) -> None:
    """Write a file under a temporary name beside it, then rename it: it appears whole or not at all."""
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def load(path: str | os.PathLike[str]) -> Program:
    """Read a program. Raises ValueError if the file is not one, OSError if it cannot be read."""
    with open(path, "rb"):  # a missing or unreadable file raises its own OSError
        pass
    try:
        with safe_open(path, "numpy") as file:
            header = file.metadata() or {}
            if header.get("format") != FORMAT:
                raise ValueError(
                    f"{path} is not a thinlens program (format {header.get('format')!r}); "
                    "if it is a checkpoint, run: thinlens convert CHECKPOINT -o PROGRAM"
                )
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (a file has no iterator)
        return _decode(json.loads(header["program"]), tensors)
    except (SafetensorError, KeyError, TypeError, AttributeError, RecursionError, json.JSONDecodeError) as error:
        raise ValueError(f"{path} is not a thinlens program, or is damaged: {error}") from None


def _encode(program: Program, tensors: dict[str, NDArray[Any]], prefix: str) -> dict[str, Any]:
    ops: list[dict[str, Any]] = []
    for index, op in enumerate(program.ops, start=1):
        entry: dict[str, Any] = {"op": type(op).__name__}
        for item in fields(op):
            value = getattr(op, item.name)
            if isinstance(value, np.ndarray):
                key = f"{prefix}{index}.{item.name}"
                tensors[key] = value
                value = {"tensor": key}
            if value is not None:
                entry[item.name] = value
        ops.append(entry)
    inner = None if program.uint8 is None else _encode(program.uint8, tensors, prefix + "uint8.")
    return {"name": program.name, "ops": ops, "uint8": inner, "provenance": dict(program.provenance)}


def _decode(entry: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]) -> Program:
    kinds = {kind.__name__: kind for kind in OPS}
    ops: list[Op] = []
    for item in entry["ops"]:
        if item["op"] not in kinds:
            raise ValueError(
                f"unknown operation {item['op']!r}: the program was written by a newer thinlens; upgrade it"
            )
        arguments: dict[str, Any] = {
            name: tensors[value["tensor"]] if isinstance(value, dict) else value
            for name, value in item.items()
            if name != "op"
        }
        for name, value in arguments.items():
            _check(name, value)
        ops.append(kinds[item["op"]](**arguments))
    inner = None if entry["uint8"] is None else _decode(entry["uint8"], tensors)
    for text in (entry["name"], *entry["provenance"].values()):
        _check("text", text)
    return Program(entry["name"], tuple(ops), inner, entry["provenance"])


def _check(name: str, value: object) -> None:
    if not isinstance(value, KINDS.get(name, int)):
        raise TypeError(f"{name} cannot be {value!r:.40}")
