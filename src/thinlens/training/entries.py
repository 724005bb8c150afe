"""The entries of tables as what is trained: after baking, so that a table is not worse than the network it was made of.

The forward pass is that of the integer program, with entries as they are rounded; the gradient is that of the unrounded
ones (straight through). Tables whose rows only become an index of other tables have no gradient and stay as they are.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from ..data.pairs import Pairs
from ..program import FRACTION_BITS, Add, Lookup, Operation, Program, Rescale, ShiftAndSum, fits_16_bits
from ..program.table_ops import LEVELS
from .descent import Report, crop, draw, learning_rate_factor
from .losses import loss
from .recipe import GradientDescent, Recipe

ONE = LEVELS - 1 << FRACTION_BITS
"""What an integer program makes of white."""
NARROWER = 0.98
"""By how much entries are made smaller, and what they stand for larger, until sums fit 16 bits."""


def supports(program: Program) -> str | None:
    """None, or why the tables of a program cannot be fine-tuned."""
    tables = program.uint8
    if tables is None or not any(isinstance(op, Lookup) for op in tables.ops):
        return f"{program.name} has no tables for 8-bit pictures: there are no entries to fine-tune; convert it without"
    unknown = [op for op in tables.ops if not isinstance(op, Lookup | Add | ShiftAndSum | Rescale)]
    return f"{program.name} has operations besides tables: its entries cannot be fine-tuned" if unknown else None


def fine_tune(program: Program, train: Pairs, validation: Pairs, recipe: Recipe, report: Report) -> Program:
    """The program with better entries for 8-bit pictures, the best of all that validation saw; or as it was.

    `train` and `validation` have low-resolution luma of whole levels; the optimizer of `recipe` is Adam, its learning
    rate in entries. Raises ValueError if `supports` has a reason.
    """
    if (why := supports(program)) is not None:
        raise ValueError(why)
    method = recipe.optimizer
    assert isinstance(method, GradientDescent) and program.uint8 is not None
    module, border = Tables(program.uint8), program.uint8.halo
    best, kept = module.psnr(validation, border), module.tables()
    report(0, method.steps, float("nan"), best)
    optimizer = torch.optim.Adam(module.entries, lr=1.0, betas=(0.9, 0.99), eps=1e-7)
    low, high = torch.from_numpy(train.low_resolution), torch.from_numpy(train.high_resolution)
    every = max(1, method.steps // 10)
    for step in range(method.steps):
        optimizer.param_groups[0]["lr"] = method.learning_rate * learning_rate_factor(step / method.steps)
        places = torch.from_numpy(draw(method, recipe.seed, step, train.low_resolution.shape))
        size = min(method.patch, low.shape[1])
        output, target = module(crop(low, places, size, 1)[:, 0]), crop(high, places, size, train.scale)[:, 0]
        inner = (..., *[slice(border * train.scale, -border * train.scale or None)] * 2)
        value = loss(recipe.loss, output[inner], target[inner], recipe.normalized_epsilon)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        psnr = float("nan")
        if (step + 1) % every == 0 or step + 1 == method.steps:
            psnr = module.psnr(validation, border)
            if psnr > best:
                best, kept = psnr, module.tables()
        report(step + 1, method.steps, value.item(), psnr)
    return replace(program, uint8=_fitted(program.uint8, kept))


class Tables(nn.Module):
    """An integer program of tables as a function of its entries, for pictures `(B, H, W)` in [0, 1] of whole levels.

    The result, `(B, scale · H, scale · W)`, is not rounded in the end; what is read beyond the picture is not what the
    program reads there.
    """

    def __init__(self, program: Program) -> None:
        super().__init__()
        self.program = program
        followed = {len(program.ops)}
        for number in range(len(program.ops), 0, -1):  # an index has no gradient: nothing is followed through it
            op = program.ops[number - 1]
            if number in followed and not isinstance(op, Lookup):
                followed.update(op.operands())
        self.numbers = [n for n in sorted(followed) if n and isinstance(program.ops[n - 1], Lookup)]
        lookups = [op for op in program.ops if isinstance(op, Lookup)]
        self.largest = {number: int(np.iinfo(_lookup(program, number).table.dtype).max) for number in self.numbers}
        tables = [torch.from_numpy(_lookup(program, number).table.astype(np.float32)) for number in self.numbers]
        self.entries = nn.ParameterList(nn.Parameter(table.flatten(0, 1)) for table in tables)
        self.frozen = {id(op): torch.from_numpy(op.table.astype(np.float32)).flatten(0, 1) for op in lookups}

    def forward(self, pictures: Tensor) -> Tensor:
        values = [(pictures * ONE).round()[:, None]]
        trained: set[int] = set()
        for number, op in enumerate(self.program.ops, start=1):
            sources = [values[operand] for operand in op.operands()]
            if number in self.numbers:
                entries = self.entries[self.numbers.index(number)]
                limited = entries.clamp(-self.largest[number], self.largest[number]).round()
                values.append(look_up(op, sources[0], entries + (limited - entries).detach()))
                trained.add(number)
            else:
                through = any(operand in trained for operand in op.operands())
                trained |= {number} if through else set()
                values.append(self._evaluate(op, sources, through))
        return values[-1][:, 0] / ONE

    def _evaluate(self, op: Operation, sources: list[Tensor], through: bool) -> Tensor:
        match op:
            case Lookup():
                return look_up(op, sources[0], self.frozen[id(op)])
            case Add():
                return sources[0] + sources[1]
            case ShiftAndSum():
                return shift_and_sum(op, sources[0])
            case Rescale():
                product = sources[0].double() * op.multiplier / 2**op.shift
                if not through:
                    product = (product + (0.5 if op.shift else 0)).floor()
                return product.clamp(op.minimum, op.maximum).float()
            case _:
                raise TypeError(f"{type(op).__name__} is none of the operations of tables")

    @torch.no_grad()
    def psnr(self, pairs: Pairs, border: int) -> float:
        """Mean PSNR in dB over pairs, as `descent.validation_psnr`, of results that are rounded to 8 bits."""
        errors: list[Tensor] = []
        inner = (..., *[slice(border * pairs.scale, -border * pairs.scale or None)] * 2)
        planes = (torch.from_numpy(part).split(16) for part in (pairs.low_resolution, pairs.high_resolution))
        for low, high in zip(*planes, strict=True):
            output = (self(low).clamp(0, 1) * (LEVELS - 1)).round() / (LEVELS - 1)
            errors.append((output[inner] - high[inner]).square().mean((1, 2)))
        return float((-10 * torch.cat(errors).clamp_min(1e-10).log10()).mean())

    @torch.no_grad()
    def tables(self) -> dict[int, NDArray[np.float32]]:
        """The entries, rounded, by the number of their operation."""
        result: dict[int, NDArray[np.float32]] = {}
        for number, entries in zip(self.numbers, self.entries, strict=True):
            limited = entries.clamp(-self.largest[number], self.largest[number]).round()
            result[number] = limited.numpy().reshape(_lookup(self.program, number).table.shape).copy()
        return result


def look_up(op: Operation, source: Tensor, entries: Tensor) -> Tensor:
    """`Lookup` on planes `(B, C, H, W)`, entries `(tables · rows, outputs)`: differentiable in the entries."""
    assert isinstance(op, Lookup)
    levels = (source / (1 << FRACTION_BITS) + 0.5).floor().clamp(0, LEVELS - 1).long()
    reach = int(np.abs(op.offsets[..., 1:]).max())
    framed = functional.pad(levels.float(), [reach] * 4, "replicate").long() if reach else levels
    batch, _, height, width = levels.shape
    rows: list[Tensor] = []
    weights: list[Tensor] = []
    for pattern, pixels in enumerate(op.offsets.tolist()):
        read = [framed[:, c, reach + y : reach + y + height, reach + x : reach + x + width] for c, y, x in pixels]
        corners, shares = _corners(op, torch.stack(read, -1))
        rows.append(corners + (pattern * op.table.shape[1] if len(op.table) > 1 else 0))
        weights.append(shares)
    patterns, outputs = len(rows), op.table.shape[2]
    count = rows[0].shape[-1]
    places, shares = torch.stack(rows, 3), torch.stack(weights, 3)  # (B, H, W, patterns, corners)
    per_bag = patterns * count if op.summed else count
    flat = shares.reshape(-1, per_bag) if op.interpolation == "simplex" else None
    bags = functional.embedding_bag(places.reshape(-1, per_bag), entries, mode="sum", per_sample_weights=flat)
    return bags.reshape(batch, height, width, -1 if op.summed else patterns * outputs).movedim(-1, 1)


def _corners(op: Lookup, levels: Tensor) -> tuple[Tensor, Tensor]:
    """Rows `(…, corners)` of levels `(…, indices)`, and what each is multiplied by: see `Lookup`."""
    place = torch.tensor([op.samples**power for power in range(levels.shape[-1] - 1, -1, -1)])
    row = (levels // op.interval * place).sum(-1, keepdim=True)
    if op.interpolation == "none":
        return row, torch.ones_like(row, dtype=torch.float32)
    remainders, order = torch.sort(levels % op.interval, dim=-1, descending=True, stable=True)
    corners = torch.cat([row, row + place[order].cumsum(-1)], -1)
    ends = functional.pad(remainders, [1, 0], value=op.interval), functional.pad(remainders, [0, 1])
    return corners, (ends[0] - ends[1]).float()


def shift_and_sum(op: ShiftAndSum, source: Tensor) -> Tensor:
    """`ShiftAndSum` on planes `(B, C, H, W)`, zeros around the maps."""
    places = torch.from_numpy(op.places()).long()
    turns = source.unflatten(1, (op.rotations, -1))
    turned = sum((turns[:, rotation, places[rotation]] for rotation in range(op.rotations)), torch.zeros(()))
    assert isinstance(turned, Tensor)
    maps = functional.pixel_shuffle(turned, op.scale)
    margin = op.step * (op.kernel // 2)
    height, width = maps.shape[2:]
    result = maps.new_zeros(len(maps), 1, height + 2 * margin, width + 2 * margin)
    for k in range(op.maps):
        top, left = (op.step * place for place in divmod(k, op.kernel))
        result[:, 0, top : top + height, left : left + width] += maps[:, k]
    return result[..., margin : margin + height, margin : margin + width]


def _fitted(program: Program, tables: dict[int, NDArray[np.float32]]) -> Program:
    """The program with these entries; where sums would leave 16 bits, in a coarser unit."""
    last = program.ops[-1]
    assert isinstance(last, Rescale)
    unit = last.multiplier
    while True:
        share = last.multiplier / unit
        ops = list(program.ops)
        for number, table in tables.items():
            found = _lookup(program, number)
            ops[number - 1] = replace(found, table=np.rint(table * share).astype(found.table.dtype))
        whole = [ops[number - 1] for number in tables]
        if all(op.table.dtype == np.int8 for op in whole if isinstance(op, Lookup)) or _fit(ops, whole):
            ops[-1] = replace(last, multiplier=unit)
            return replace(program, ops=tuple(ops))
        unit = max(unit + 1, int(unit / NARROWER))


def _fit(ops: list[Operation], lookups: list[Operation]) -> bool:
    """Whether sums of entries fit 16 bits, for each of the maps that are added up."""
    maps = next(op.maps for op in ops if isinstance(op, ShiftAndSum))
    tables = [op.table.reshape(*op.table.shape[:2], maps, -1) for op in lookups if isinstance(op, Lookup)]
    return fits_16_bits([table[:, :, k] for table in tables for k in range(maps)])


def _lookup(program: Program, number: int) -> Lookup:
    op = program.ops[number - 1]
    assert isinstance(op, Lookup)
    return op
