"""From a program to machine code: in the first form that takes it, for a kind of picture and a processor."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import halide as hl

from ..program import Program
from . import FUNCTION, axes, plain
from .color_table import fixed_point as color_table_fixed_point
from .color_table import float32 as color_table_float32
from .color_table.kind import LookUp
from .form import Form
from .many_layers import float32 as many_layers_float32
from .many_layers import quantized as many_layers_quantized
from .one_layer import fixed_point as one_layer_fixed_point
from .one_layer import float32 as one_layer_float32
from .picture import Picture
from .processor import Processor
from .sampling import features as sampling_features
from .tables import layers as tables_layers
from .tables import margins as tables_margins
from .tables import pairs as tables_pairs
from .tables import simplex as tables_simplex

FORMS: tuple[Form[Any, Any], ...] = (
    one_layer_fixed_point.FORM,
    one_layer_float32.FORM,
    axes.FORM,
    tables_layers.FORM,
    tables_margins.FORM,
    tables_pairs.FORM,
    tables_simplex.FORM,
    many_layers_quantized.FORM,
    many_layers_float32.FORM,
    sampling_features.FORM,
    plain.FORM,
)
"""The forms that pipelines have, the quickest first; the last takes every program."""


def compile_object(program: Program, picture: Picture, processor: Processor) -> bytes:
    """An object file with `FUNCTION`, which needs the runtime beside it (`compile_runtime`).

    It takes the picture, `(W * channels, H)`, the number of tasks, int32, and the result, `scale` times larger, with
    as many channels as the program gives.
    """
    return _compile(program, picture, processor, hl.Func.compile_to_object)


def compile_look_up(kind: LookUp, processor: Processor) -> bytes:
    """An object file with `FUNCTION`, a look-up in a color table.

    It takes the picture, `(W * 3, H)`, the packed table, whatever else the form says that it reads, the number of
    tasks, int32, and the result, as large as the picture.
    """
    return _compile_look_up(kind, processor, hl.Func.compile_to_object)


def look_up_assembly(kind: LookUp, processor: Processor) -> str:
    """The same as assembly."""
    return _compile_look_up(kind, processor, hl.Func.compile_to_assembly).decode()


def assembly(program: Program, picture: Picture, processor: Processor) -> str:
    """The same as assembly."""
    return _compile(program, picture, processor, hl.Func.compile_to_assembly).decode()


def disguised_assembly(program: Program, picture: Picture, processor: Processor) -> str | None:
    """The same as assembly of LLVM, written for `Processor.disguise`; None where Halide writes for the processor."""
    form, _ = choose(program.for_picture(picture.dtype, picture.channels))
    if processor.disguise is None or not form.disguised:
        return None
    return _compile(program, picture, processor.disguise, hl.Func.compile_to_llvm_assembly).decode()


def compile_runtime(system: str) -> bytes:
    """An object file with what all objects for a system, as x86-64-linux, call: memory, threads, errors."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "runtime"
        hl.compile_standalone_runtime(str(path), hl.Target(system))
        return path.read_bytes()


def host_target() -> str:
    """The processor at hand as Halide sees it."""
    return str(hl.get_host_target())


def _compile(program: Program, picture: Picture, processor: Processor, write: Any) -> bytes:
    program = program.for_picture(picture.dtype, picture.channels)
    source, tasks = picture.source(), hl.Param(hl.Int(32), "tasks")
    form, network = choose(program)
    stages = form.algorithm(network, picture, source, processor)
    form.schedule(network, stages, processor, tasks)
    extent, channels = source.dim(0).extent(), program.value_types[-1].channels
    row = extent * program.scale if channels == picture.channels else picture.width(source) * (channels * program.scale)
    size = row, source.dim(1).extent() * program.scale
    return _written(stages.output, size, [source, tasks], processor, write)


def _compile_look_up(kind: LookUp, processor: Processor, write: Any) -> bytes:
    tasks = hl.Param(hl.Int(32), "tasks")
    if kind.integer:
        fixed = color_table_fixed_point.algorithm(kind.interpolation)
        color_table_fixed_point.schedule(fixed, tasks)
        stages = fixed.stages
    else:
        stages = color_table_float32.algorithm(kind.dtype, kind.interpolation)
        color_table_float32.schedule(stages, tasks)
    size = stages.source.dim(0).extent(), stages.source.dim(1).extent()
    return _written(stages.output, size, [*stages.inputs, tasks], processor, write)


def _written(
    result: hl.Func, size: tuple[hl.Expr, hl.Expr], inputs: list[Any], processor: Processor, write: Any
) -> bytes:
    output = result.output_buffer()
    output.dim(0).set_bounds(0, size[0]).set_stride(1)
    output.dim(1).set_bounds(0, size[1])
    with TemporaryDirectory() as folder:
        path = Path(folder) / "kernel"
        target = processor.target.with_feature(hl.TargetFeature.NoRuntime)
        # Nobody asks a kernel what it reads: without the answer `best` is 96 KB, not 162.
        target = target.with_feature(hl.TargetFeature.NoBoundsQuery)
        write(result, str(path), inputs, FUNCTION, target)
        return path.read_bytes()


def choose(program: Program) -> tuple[Form[Any, Any], Any]:
    """The first form that takes a program, and what it needs to know of it."""
    for form in FORMS:
        network = form.match(program)
        if network is not None:
            return form, network
    raise AssertionError("the plain form takes every program")
