"""Programs as files: safetensors with the operations as JSON in the header, and as text for people to read."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as to_bytes

from ..files import write_whole
from .operation import Operation
from .ops import OPERATIONS
from .program import Program

FORMAT = "thinlens program 2"
FIRST_FORMAT = "thinlens program 1"
RENAMED: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "Convolution": ("Convolution", {"outside": "pad_value", "step": "weight_scale"}),
    "Addition": ("Add", {}),
    "ChannelMaximum": ("ReduceMax", {}),
    "SoftmaxSum": ("SoftmaxSum", {"score": "logit"}),
    "RoundShift": ("RoundingShiftRight", {"low": "minimum", "high": "maximum"}),
    "Quantize": ("FakeQuantize", {"step": "scale", "zero": "zero_point"}),
    "Recolor": ("AddChroma", {}),
}
"""What operations and their fields were called in files of the first format."""


def dump(program: Program) -> str:
    """The program as text, one operation a line, weights by shape: `3 = ReduceMax(source=2) → 1 × 2`."""
    lines = [f"{program.name}: {program.channels} channels, ×{program.scale}, halo {program.halo}"]
    for index, (op, kind) in enumerate(zip(program.ops, program.value_types[1:], strict=True), start=1):
        shown = ", ".join(_show(value, name) for name, value in op.values().items() if value is not None)
        lines.append(f"{index} = {type(op).__name__}({shown}) → {kind.channels} × {kind.size}")
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


def load(path: str | os.PathLike[str]) -> Program:
    """Read a program. Raises ValueError if the file is not one, OSError if it cannot be read."""
    with open(path, "rb"):  # a missing or unreadable file raises its own OSError
        pass
    try:
        with safe_open(path, "numpy") as file:
            header = file.metadata() or {}
            if header.get("format") not in (FORMAT, FIRST_FORMAT):
                raise ValueError(
                    f"{path} is not a thinlens program (format {header.get('format')!r}); "
                    "if it is a checkpoint, run: thinlens convert CHECKPOINT -o PROGRAM"
                )
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (a file has no iterator)
        return _decode(json.loads(header["program"]), tensors, renamed=header["format"] == FIRST_FORMAT)
    except (SafetensorError, KeyError, TypeError, AttributeError, RecursionError, json.JSONDecodeError) as error:
        raise ValueError(f"{path} is not a thinlens program, or is damaged: {error}") from None


def is_program(path: str | os.PathLike[str]) -> bool:
    """Whether a file says of itself that it is a program."""
    try:
        with safe_open(path, "numpy") as file:
            return (file.metadata() or {}).get("format") in (FORMAT, FIRST_FORMAT)
    except SafetensorError:
        return False


def _encode(program: Program, tensors: dict[str, NDArray[Any]], prefix: str) -> dict[str, Any]:
    ops: list[dict[str, Any]] = []
    for index, op in enumerate(program.ops, start=1):
        entry: dict[str, Any] = {"op": type(op).__name__}
        for name, value in op.values().items():
            if isinstance(value, np.ndarray):
                key = f"{prefix}{index}.{name}"
                tensors[key] = value
                value = {"tensor": key}
            if value is not None:
                entry[name] = value
        ops.append(entry)
    inner = None if program.uint8 is None else _encode(program.uint8, tensors, prefix + "uint8.")
    return {"name": program.name, "ops": ops, "uint8": inner, "provenance": dict(program.provenance)}


def _decode(entry: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]], renamed: bool) -> Program:
    ops = tuple(_operation(item, tensors, renamed) for item in entry["ops"])
    inner = None if entry["uint8"] is None else _decode(entry["uint8"], tensors, renamed)
    for text in (entry["name"], *entry["provenance"].values()):
        if not isinstance(text, str):
            raise TypeError(f"a text cannot be {text!r:.40}")
    try:
        return Program(entry["name"], ops, inner, entry["provenance"])
    except ValueError as error:
        raise TypeError(error) from None


def _operation(item: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]], renamed: bool) -> Operation:
    values = {
        name: tensors[value["tensor"]] if isinstance(value, dict) else value
        for name, value in item.items()
        if name != "op"
    }
    kind = item["op"]
    if renamed and kind in RENAMED:
        kind, names = RENAMED[kind]
        values = {names.get(name, name): value for name, value in values.items()}
    kinds = {operation.__name__: operation for operation in OPERATIONS}
    if kind not in kinds:
        raise ValueError(f"unknown operation {kind!r}: the program was written by a newer thinlens; upgrade it")
    return kinds[kind](**values)
