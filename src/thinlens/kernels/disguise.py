"""From assembly of LLVM that Halide wrote for one processor to machine code of another: see `Processor.disguise`."""

from __future__ import annotations

import re

from llvmlite import binding

CPU, FEATURES = "haswell", "+fma,+f16c,+avxvnni,+prefer-no-gather"
"""What LLVM calls a processor with AVX-VNNI and without AVX-512, as Halide describes one with AVX2."""
ATTRIBUTES = {"target-cpu": CPU, "tune-cpu": "alderlake", "target-features": FEATURES}


def machine_code(written: str) -> bytes:
    """An object file."""
    module = _module(written)
    return _machine(module.triple).emit_object(module)


def assembly(written: str) -> str:
    """The same as assembly."""
    module = _module(written)
    machine = _machine(module.triple)
    machine.set_asm_verbosity(True)  # which says what each loop is, as Halide's does
    return machine.emit_assembly(module)


def _module(written: str) -> binding.ModuleRef:
    for name, value in ATTRIBUTES.items():
        written = re.sub(f'"{name}"="[^"]*"', f'"{name}"="{value}"', written)
    return binding.parse_assembly(written)


def _machine(triple: str) -> binding.TargetMachine:
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    target = binding.Target.from_triple(triple)
    return target.create_target_machine(cpu=CPU, features=FEATURES, opt=3, reloc="pic", codemodel="default")
