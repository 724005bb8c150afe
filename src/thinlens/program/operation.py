"""What every operation is: a frozen dataclass whose fields say which values it reads, and a rule for its result.

Everything else that is needed of an operation follows from the annotations of its fields: which values it reads
(`Operand`), how it is renumbered, how it is saved and loaded, and what a field may hold.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from fractions import Fraction
from functools import cache
from math import ceil
from types import NoneType, UnionType
from typing import Annotated, Any, ClassVar, Literal, TypeAlias, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np
from numpy.typing import NDArray

Operand: TypeAlias = Annotated[int, "operand"]
"""The number of a value that an operation reads: 0 is the picture, k the result of operation k."""
Arithmetic: TypeAlias = Literal["float", "integer"]


@dataclass(frozen=True)
class ValueType:
    """What is known of a value before it is computed.

    Most values are planes that grow with the picture, `scale` times as large along each side, where each pixel depends
    on those at most `reach` picture pixels away, the halo before rounding up. A value of fixed `extent` is as large for
    every picture and made of the whole picture: its scale is 0, and it has no halo. Of two lengths, `(H, W)`, it is
    planes too, of three a color table.
    """

    channels: int
    scale: int
    reach: Fraction
    extent: tuple[int, ...] | None = None

    @property
    def halo(self) -> int:
        return ceil(self.reach)

    @property
    def table(self) -> bool:
        """Whether it is a color table rather than planes."""
        return self.extent is not None and len(self.extent) == 3

    @property
    def size(self) -> str:
        """The size as text: `2` for twice the picture's, `[256×256]`."""
        return str(self.scale) if self.extent is None else f"[{'×'.join(str(length) for length in self.extent)}]"

    def with_channels(self, channels: int) -> ValueType:
        """The same with another number of channels."""
        return replace(self, channels=channels)

    def widened(self, radius: int) -> ValueType:
        """The same, each pixel depending on `radius` more of its own plane in each direction."""
        return replace(self, reach=self.reach + Fraction(radius, self.scale)) if self.extent is None else self


def fixed(channels: int, extent: tuple[int, ...]) -> ValueType:
    """The type of a value of fixed extent."""
    return ValueType(channels, 0, Fraction(0), extent)


@dataclass(frozen=True, eq=False)
class Operation:
    """The base of all operations. Arrays are copied and read-only, so nobody changes them afterwards."""

    arithmetic: ClassVar[tuple[Arithmetic, ...]] = ("float", "integer")
    """In which programs it may stand: of float32, of integers or both."""
    table_operands: ClassVar[tuple[str, ...]] = ()
    """The fields that name a color table to read; all other operands are planes."""

    def __post_init__(self) -> None:
        for name, value in self.values().items():
            if isinstance(value, np.ndarray) and (value.flags.writeable or not value.flags.c_contiguous):
                owned = np.array(value, order="C")
                owned.setflags(write=False)
                object.__setattr__(self, name, owned)

    def result(self, *inputs: ValueType) -> ValueType:
        """The type of the result, from those of the operands. Raises ValueError where they do not fit."""
        raise NotImplementedError

    def picture_channels(self) -> int:
        """How many channels a picture has that it reads, as far as the operation knows: at least 1."""
        return 1

    def values(self) -> dict[str, Any]:
        """All fields by name."""
        return {item.name: getattr(self, item.name) for item in fields(self)}

    def operands(self) -> tuple[int, ...]:
        """The values that it reads, in the order of the fields."""
        return tuple(getattr(self, name) for name in operand_fields(type(self)))


AnyOperation = TypeVar("AnyOperation", bound=Operation)


@cache
def field_types(kind: type[Operation]) -> Mapping[str, Any]:
    """The annotation of each field."""
    hints = get_type_hints(kind, include_extras=True)
    return {item.name: hints[item.name] for item in fields(kind)}


@cache
def operand_fields(kind: type[Operation]) -> tuple[str, ...]:
    """The fields that name a value to read."""
    return tuple(name for name, hint in field_types(kind).items() if hint == Operand)


def renumbered(op: AnyOperation, number: Callable[[int], int]) -> AnyOperation:
    """The operation reading the same values under other numbers."""
    return replace(op, **{name: number(getattr(op, name)) for name in operand_fields(type(op))})


def check_fields(op: Operation) -> None:
    """Raise ValueError, naming the field, unless every field holds what its annotation says."""
    for name, hint in field_types(type(op)).items():
        value = getattr(op, name)
        if not accepts(hint, value):
            shown = f"{value.dtype}" if isinstance(value, np.ndarray) else f"{value!r:.40}"
            raise ValueError(f"{name} must be {_described(hint)}, got {shown}")


def check_operands(op: Operation, types: Sequence[ValueType]) -> None:
    """Raise ValueError unless each operand is a table where the operation reads one, and planes elsewhere."""
    for name, kind in zip(operand_fields(type(op)), types, strict=True):
        if kind.table != (name in op.table_operands):
            wanted, found = ("a color table", "planes") if name in op.table_operands else ("planes", "a color table")
            raise ValueError(f"{name} must be {wanted}, value {getattr(op, name)} is {found}")


def check_grows(kind: ValueType) -> None:
    """Raise ValueError unless a value is planes that grow with the picture."""
    if kind.extent is not None:
        raise ValueError(f"needs planes that grow with the picture, not {kind.size}")


def check_vector(name: str, vector: NDArray[np.float32] | None, length: int) -> None:
    """Raise ValueError unless a vector, where it is given, has one finite number for each channel."""
    if vector is None:
        return
    if vector.shape != (length,):
        raise ValueError(f"{name} must be ({length},) float32, got {vector.shape} {vector.dtype}")
    if not np.isfinite(vector).all():
        raise ValueError(f"{name} must be finite")


def accepts(hint: Any, value: object) -> bool:
    """Whether a field annotated so may hold a value: numbers are not booleans, arrays have the dtype that is said."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return accepts(arguments[0], value)
    if origin in (Union, UnionType):
        return any(accepts(argument, value) for argument in arguments)
    if origin is Literal:
        return value in arguments and isinstance(value, str)
    if origin is np.ndarray:
        return isinstance(value, np.ndarray) and value.dtype == _dtype(hint)
    return isinstance(value, hint) and (hint is bool or not isinstance(value, bool))


def _described(hint: Any) -> str:
    """The annotation as part of a sentence: `float32 or int16`, `zero or edge`, `a whole number`."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _described(arguments[0])
    if origin in (Union, UnionType):
        *first, last = (_described(argument) for argument in arguments if argument is not NoneType)
        return f"{', '.join(first)} or {last}" if first else last
    if origin is Literal:
        return f"one of {', '.join(arguments)}" if len(arguments) > 2 else " or ".join(arguments)
    if origin is np.ndarray:
        return f"{_dtype(hint)}"
    return {int: "a whole number", float: "a number with a fraction", bool: "true or false"}[hint]


def _dtype(hint: Any) -> np.dtype[Any]:
    return np.dtype(get_args(get_args(hint)[1])[0])


def missing(what: str, op: Operation) -> ValueError:
    """What to raise where an operation has no entry in a table: of the reference, of a pipeline, of an exporter."""
    return ValueError(f"{type(op).__name__} has no {what}")
