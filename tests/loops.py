"""The inner loops of machine code, as assembly has them."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

LABEL = re.compile(r"(\.L\w+):")
INSTRUCTION = re.compile(r"\s+(?:{vex}\s+)?([a-z][\w.]*)(?:\s+(.*?))?\s*(?:#\s.*|//.*)?$")
JUMP = re.compile(r"j\w+|b|b\.\w+|cbn?z|tbn?z")
SCALAR_MULTIPLY = re.compile(r"i?mul[bwlq]?|mulx[lq]|v?mulss|v?fn?m(add|sub)\d*ss|m(add|sub|ul)|[su]m(add|sub|ul)[lh]")
"""Multiplications of general registers or of single values: ARM's `mul`, `smull` and their like by their operands."""
MOVE = re.compile(r"v?pinsr[bwdq]|v?pextr[bwdq]|v?cvtsi2s[sd]l?q?|[us]mov|ins")
"""Moves of single values between general and vector registers."""


@dataclass(frozen=True)
class Loop:
    """The instructions of a loop, `(mnemonic, operands)`, and how many of them are the multiplications looked for;
    `label` is the line that it begins with, where LLVM says in a comment which loop of Halide's it is."""

    label: str
    instructions: tuple[tuple[str, str], ...]
    products: int

    @property
    def counts(self) -> Counter[str]:
        """How often each instruction is there."""
        return Counter(name for name, _ in self.instructions)

    def multiplications(self, pattern: str) -> list[str]:
        """The instructions that a regular expression of `mnemonic operands` matches."""
        return [text for text in map(" ".join, self.instructions) if re.match(pattern, text)]

    @property
    def scalar_multiplications(self) -> int:
        """How many multiplications are not of vectors. Those that find the address of a row are among them."""
        return sum(
            1 for name, operands in self.instructions if SCALAR_MULTIPLY.fullmatch(name) and not _vector(operands)
        )

    @property
    def single_values(self) -> int:
        """How many instructions move single values between general and vector registers."""
        return sum(1 for name, _ in self.instructions if MOVE.fullmatch(name))


def _vector(operands: str) -> bool:
    return re.match(r"v\d+\.", operands) is not None


def loops(assembly: str, multiplication: str, fewest: int = 8) -> list[Loop]:
    """The innermost loops with at least so many of one kind of multiplication (a regular expression of
    `mnemonic operands`).

    A loop is all that lies between a label and a jump back to it; the smallest one around a multiplication is its own.
    Loops that overlap, which is how LLVM turns one with a jump into its middle, count once.
    """
    lines = assembly.splitlines()
    labels = {match[1]: index for index, line in enumerate(lines) if (match := LABEL.match(line))}
    parsed = [match and (match[1], match[2] or "") for match in map(INSTRUCTION.match, lines)]
    spans: list[tuple[int, int]] = []
    for index, instruction in enumerate(parsed):
        if instruction and JUMP.fullmatch(instruction[0]):
            start = labels.get(instruction[1].split(",")[-1].strip(), index)
            if start < index:
                spans.append((start, index))
    products: Counter[tuple[int, int]] = Counter()
    for index, instruction in enumerate(parsed):
        if instruction and re.match(multiplication, " ".join(instruction)):
            around = [span for span in spans if span[0] <= index <= span[1]]
            if around:
                products[min(around, key=lambda span: span[1] - span[0])] += 1
    return [
        Loop(lines[start], tuple(found for found in parsed[start : end + 1] if found), count)
        for (start, end), count in sorted(products.items())
        if count >= fewest
    ]
