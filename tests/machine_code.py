"""Machine code of pipelines, for any processor: for the tests that link it for ARM, and those that read it."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import halide as hl

from thinlens.pipelines.build import choose
from thinlens.pipelines.picture import Picture
from thinlens.pipelines.processor import Processor
from thinlens.program import Program

FUNCTION = "kernel"


def _stages(program: Program, picture: Picture, processor: Processor) -> tuple[Any, list[Any]]:
    program = program.for_picture(picture.dtype, picture.channels)
    source, tasks = picture.source(), hl.Param(hl.Int(32), "tasks")
    form, network = choose(program)
    stages = form.algorithm(network, picture, source, processor)
    form.schedule(network, stages, processor, tasks)
    output = stages.output.output_buffer()
    output.dim(0).set_bounds(0, source.dim(0).extent() * program.scale).set_stride(1)
    output.dim(1).set_bounds(0, source.dim(1).extent() * program.scale)
    return stages, [source, tasks]


def compile_object(program: Program, picture: Picture, processor: Processor) -> bytes:
    """An object file whose `FUNCTION(source, tasks, output)` is the pipeline; it has no runtime."""
    stages, arguments = _stages(program, picture, processor)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "kernel.o"
        target = processor.target.with_feature(hl.TargetFeature.NoRuntime)
        stages.output.compile_to_object(str(path), arguments, FUNCTION, target)
        return path.read_bytes()


def compile_runtime(system: str) -> bytes:
    """The object file of Halide's runtime, which all pipelines for a system, as arm-64-linux, share."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "runtime.o"
        hl.compile_standalone_runtime(str(path), hl.Target(system))
        return path.read_bytes()


def assembly(program: Program, picture: Picture, processor: Processor) -> str:
    """The same pipeline as assembly."""
    stages, arguments = _stages(program, picture, processor)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "kernel.s"
        target = processor.target.with_feature(hl.TargetFeature.NoRuntime)
        stages.output.compile_to_assembly(str(path), arguments, FUNCTION, target)
        return path.read_text()
