"""What every family of networks is: a config, which is an id taken apart, and a module that becomes a program."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from dataclasses import MISSING, dataclass, fields, replace
from functools import cache
from math import inf
from string import Formatter
from typing import Annotated, Any, ClassVar, TypeAlias, get_args, get_type_hints

import torch
from torch import Tensor, nn

from ..program import Activation, Convolution, Operation, Padding, Program


@dataclass(frozen=True)
class Size:
    """What a whole number of an id may be, and what errors call it; by default its letter in the id."""

    minimum: int = 1
    maximum: float = inf
    odd: bool = False
    called: str = ""

    def allows(self, value: int) -> bool:
        """Whether the value is in the range."""
        return self.minimum <= value <= self.maximum and (value % 2 == 1 or not self.odd)

    def __str__(self) -> str:
        if self.odd:
            return "odd"
        return f"at least {self.minimum}" if self.maximum == inf else f"in {self.minimum}…{self.maximum}"


Positive: TypeAlias = Annotated[int, Size()]
NotNegative: TypeAlias = Annotated[int, Size(0)]


@dataclass(frozen=True)
class Config:
    """What an id says of a network. From `form`, the id with its fields in braces, follow `str()` and `parse`.

    A whole number has its `Size` in its annotation. A `Literal` stands as its word. A field with a default is a suffix:
    nothing for the default, else an underscore and the word, or for a flag the field's name. Raises ValueError if a
    number is out of its range or a word is none of the choices.
    """

    form: ClassVar[str]
    scale: Annotated[int, Size(called="scale")]

    def __post_init__(self) -> None:
        for name, texts in _texts(type(self)).items():
            if getattr(self, name) not in texts:
                raise ValueError(f"{name} must be one of {', '.join(map(str, texts))}, got {getattr(self, name)!r}")
        sizes = _sizes(type(self))
        if not all(size.allows(getattr(self, name)) for name, size in sizes.items()):
            raise ValueError(f"{self}: {_sentence(list(sizes.values()))}")

    def __str__(self) -> str:
        words = {name: texts[getattr(self, name)] for name, texts in _texts(type(self)).items()}
        return self.form.format(**words, **{name: getattr(self, name) for name in _sizes(type(self))})

    @classmethod
    def parse(cls, identifier: str) -> Config | None:
        """The inverse of `str(config)`; None if the identifier is of another family."""
        patterns = {name: "|".join(texts.values()) for name, texts in _texts(cls).items()}
        patterns |= dict.fromkeys(_sizes(cls), r"\d+")
        form = cls.form.format(**{name: f"(?P<{name}>{pattern})" for name, pattern in patterns.items()})
        match = re.fullmatch(form, identifier)
        if match is None:
            return None
        found: dict[str, Any] = {name: int(match[name]) for name in _sizes(cls)}
        for name, texts in _texts(cls).items():
            found[name] = next(value for value, text in texts.items() if text == match[name])
        return cls(**found)


class Network(nn.Module, ABC):
    """`(B, 1, H, W)` float32 luma in [0, 1] to `(B, 1, scale·H, scale·W)`.

    The published networks are padded with zeros, layer by layer, which darkens the frame of a picture; ours repeat its
    edge.
    """

    color: ClassVar[str] = "BT.601 full-range luma in [0, 1]"
    """What its pictures are, as checkpoints say it."""
    whole_levels: ClassVar[bool] = False
    """Whether it is trained on luma of 8 bits, as it sees nothing else later."""

    def __init__(self, config: Config, padding: Padding) -> None:
        super().__init__()
        self.config = config
        self.padding: Padding = padding

    @abstractmethod
    def forward(self, low: Tensor) -> Tensor: ...

    @abstractmethod
    def operations(self) -> list[Operation]:
        """What the module computes, after training, as the operations of a program."""

    def lower(self) -> Program:
        """The program that computes what the module computes."""
        return Program(str(self.config), tuple(self.operations()))

    def trained_layers(self) -> list[nn.Module]:
        """The layers with weights, each as it is one operation of the merged program, in the same order."""
        return [layer for layer in self.modules() if isinstance(layer, nn.Conv2d | nn.PReLU)]

    @torch.no_grad()
    def take(self, program: Program) -> None:
        """Start from what a merged program of the same network has learned: the inverse of `lower` and `bake.fuse`.

        Raises ValueError if it is the program of another network, or of one that cannot be taken over.
        """
        learned = (Convolution, Activation)
        ops = [op for op in program.ops if isinstance(op, learned) and getattr(op, "slope", op) is not None]
        layers = self.trained_layers()
        try:
            for layer, op in zip(layers, ops, strict=True):
                _take(layer, op)
        except ValueError:
            raise ValueError(f"{self.config} cannot start from the program {program.name}; give a checkpoint") from None


def _take(layer: nn.Module, op: Convolution | Activation) -> None:
    """Give a layer the weights of its operation. Raises ValueError if it is not its own."""
    arrays = (op.weight, op.bias) if isinstance(op, Convolution) else (op.slope,)
    parameters = list(layer.parameters())
    values = [torch.tensor(array) for array in arrays if array is not None]
    if [value.shape for value in values] != [parameter.shape for parameter in parameters]:
        raise ValueError
    for parameter, value in zip(parameters, values, strict=True):
        parameter.copy_(value)


@cache
def _texts(family: type[Config]) -> dict[str, dict[object, str]]:
    """For each field that is not a number: what its values are in an id."""
    hints = get_type_hints(family)
    texts: dict[str, dict[object, str]] = {}
    for item in fields(family):
        if hints[item.name] is not int:
            values = (False, True) if hints[item.name] is bool else get_args(hints[item.name])
            words: dict[object, str] = {value: item.name if value is True else str(value) for value in values}
            if item.default is not MISSING:
                words = {value: "" if value == item.default else f"_{word}" for value, word in words.items()}
            texts[item.name] = words
    return texts


@cache
def _sizes(family: type[Config]) -> dict[str, Size]:
    """For each field that is a number, in the order of the id: its range and what errors call it."""
    hints = get_type_hints(family, include_extras=True)
    letters = {name: before.rpartition("_")[2] for before, name, *_ in Formatter().parse(family.form) if name}
    return {
        name: replace(size, called=size.called or letter)
        for name, letter in letters.items()
        for size in get_args(hints[name])
        if isinstance(size, Size)
    }


def _sentence(sizes: list[Size]) -> str:
    """What numbers may be: `scale and S must be at least 1, D at least 0`."""
    called: dict[str, list[str]] = {}
    for size in sizes:
        called.setdefault(str(size), []).append(size.called)
    (limit, first), *others = ((limit, _listed(names)) for limit, names in called.items())
    return ", ".join([f"{first} must be {limit}", *(f"{names} {limit}" for limit, names in others)])


def _listed(names: list[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last
