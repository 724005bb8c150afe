"""The program itself: an immutable list of operations, and what follows from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from ..once import cached_property
from .operation import Operation, ValueType, check_fields, check_operands, renumbered
from .ops import AddChroma, Convolution, FakeQuantize, Luma, Upsample
from .table_ops import Lookup


@dataclass(frozen=True, eq=False)
class Program:
    """An immutable network: its published id, its operations, where it comes from.

    `uint8`, where present, is the integer or quantized program baked from this one: it takes its place for uint8
    pictures.
    Scale, halo and channels are derived from the operations, never stored. Raises ValueError, naming the operation,
    if the operations do not fit together.
    """

    name: str
    ops: tuple[Operation, ...]
    uint8: Program | None = None
    provenance: Mapping[str, str] = field(default_factory=dict[str, str])

    def __post_init__(self) -> None:
        validate(self)

    @cached_property
    def value_types(self) -> tuple[ValueType, ...]:
        """The type of every value, the picture first. Raises ValueError at the first operation that does not fit."""
        types = [ValueType(self.channels, 1, Fraction(0))]
        for index, op in enumerate(self.ops, start=1):
            kind = type(op).__name__
            for source in op.operands():
                if not 0 <= source < index:
                    raise ValueError(f"operation {index} ({kind}) reads value {source}, which is not before it")
            inputs = [types[source] for source in op.operands()]
            try:
                check_operands(op, inputs)
                types.append(op.result(*inputs))
            except ValueError as error:
                raise ValueError(f"operation {index} ({kind}) of {self.name}: {error}") from None
        return tuple(types)

    @property
    def scale(self) -> int:
        """How many times larger the result is, along each side."""
        return self.value_types[-1].scale

    @property
    def halo(self) -> int:
        """How many picture pixels beyond a pixel's own can change the result there, in each direction.

        In an adaptive program that holds for given values of fixed extent, which the whole picture decides.
        """
        return self.value_types[-1].halo

    @cached_property
    def adaptive(self) -> bool:
        """Whether the whole picture decides what happens to each pixel, through values of fixed extent."""
        return any(kind.extent is not None for kind in self.value_types)

    @cached_property
    def channels(self) -> int:
        """Channels of the picture: 1 (luma), 3 (RGB), or any other number of feature maps."""
        known = [op.picture_channels() for op in self.ops if 0 in op.operands()]
        if not known:
            raise ValueError("no operation of the program reads the picture (value 0)")
        return max(known)

    @property
    def takes_features(self) -> bool:
        """Whether it takes feature maps, `(H, W, channels)` float32, in the place of pictures."""
        return self.channels not in (1, 3)

    @cached_property
    def integer(self) -> bool:
        """Whether the arithmetic is in int32 rather than float32."""
        return any(isinstance(op, Lookup) or _integer_weights(op) for op in self.ops)

    @cached_property
    def quantized(self) -> bool:
        """Whether a layer has int8 weights on quantized values."""
        return any(isinstance(op, Convolution) and op.weight.dtype == np.int8 for op in self.ops)

    @cached_property
    def color(self) -> Program:
        """The program for RGB pictures: luma through this one, chroma through bicubic; itself unless it takes luma."""
        if self.channels != 1:
            return self
        shifted = tuple(renumbered(op, lambda value: value + 1) for op in self.ops)
        ops = (Luma(0), *shifted, AddChroma(len(shifted) + 1, 0, self.scale))
        return Program(self.name, ops, self.uint8.color if self.uint8 else None, self.provenance)

    def for_picture(self, dtype: np.dtype[np.generic], channels: int) -> Program:
        """The program that a picture of this dtype and number of channels goes through: in color, in integers or not.

        Raises ValueError if it takes no such picture.
        """
        if self.takes_features and (dtype != np.float32 or channels != self.channels):
            raise ValueError(
                f"{self.name} takes (H, W, {self.channels}) float32 feature maps, got {channels} channels of {dtype}"
            )
        if channels == 1 and self.channels == 3:
            raise ValueError(f"{self.name} takes (H, W, 3) RGB pictures, got one channel")
        program = self.color if channels == 3 else self
        if dtype == np.uint8 and program.uint8 is not None:
            program = program.uint8
        if program.integer and dtype != np.uint8:
            raise ValueError(f"{self.name} is an integer program: it takes uint8 pictures, got {dtype}")
        return program


def _integer_weights(op: Operation) -> bool:
    if isinstance(op, Upsample):
        return op.down.dtype == np.int32
    return isinstance(op, Convolution) and op.weight.dtype == np.int16


def validate(program: Program) -> None:
    """Raise ValueError, with the operation and the reason, unless the program can run."""
    if not program.ops:
        raise ValueError(f"program {program.name!r} has no operations")
    for index, op in enumerate(program.ops, start=1):
        try:
            check_fields(op)
        except ValueError as error:
            raise ValueError(f"operation {index} ({type(op).__name__}) of {program.name}: {error}") from None
    result, wanted = program.value_types[-1], program.channels
    if result.extent is not None:
        raise ValueError(f"{program.name} returns a value of fixed extent, {result.size}, not a picture")
    if result.channels != wanted and not program.takes_features:
        raise ValueError(f"{program.name} returns {result.channels} channels for a picture of {wanted}")
    _check_arithmetic(program)
    if program.uint8 is not None:
        inner = program.uint8
        fits = inner.scale == program.scale and inner.channels == program.channels
        if not fits or not (inner.integer or inner.quantized):
            raise ValueError(
                f"{program.name}: its uint8 program must be integer or quantized, with the same scale and channels"
            )


def _check_arithmetic(program: Program) -> None:
    """Integer operations among themselves, float operations among themselves, int8 weights on quantized values only."""
    weights = {_integer_weights(op) for op in program.ops if isinstance(op, Convolution | Upsample)}
    if len(weights) > 1 or (program.integer and False in weights):
        raise ValueError(f"{program.name} mixes integer and float weights")
    for op in program.ops:
        if program.integer and "integer" not in op.arithmetic:
            raise ValueError(f"{program.name}: {type(op).__name__} has no integer form")
        if not program.integer and "float" not in op.arithmetic:
            raise ValueError(f"{program.name}: {type(op).__name__} needs integer weights")
        if isinstance(op, Convolution) and op.weight.dtype == np.int8:
            quantized = op.source > 0 and isinstance(program.ops[op.source - 1], FakeQuantize)
            if not quantized:
                raise ValueError(f"{program.name}: a convolution with int8 weights must read a FakeQuantize")
