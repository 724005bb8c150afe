"""Machine code into this process: objects loaded by LLVM's MCJIT (llvmlite) and called through ctypes.

All kernels of a process share one runtime of Halide, with one pool of threads. A fork leaves no threads of that pool in
the child, so there every kernel is loaded anew, with a runtime of its own.
"""

from __future__ import annotations

import ctypes
import os
import re
from collections.abc import Callable, Hashable, Sequence
from math import prod
from threading import RLock, local
from typing import Any, Generic, TypeVar

from llvmlite import binding
from numpy.typing import NDArray

from ..pipelines import FUNCTION

Key = TypeVar("Key", bound=Hashable)

OUT_OF_MEMORY = -11
"""halide_error_code_out_of_memory."""
CODES = {"i": 0, "u": 1, "f": 2}
"""halide_type_code_t, by kinds of NumPy."""

lock = RLock()
"""Held while anything is built or loaded, and while the process forks, so that a child never inherits half of it."""
_generation = 0
"""How many forks this process is from the first."""
_linked = False
"""Whether this process has its runtime."""
_errors = local()


class _Dimension(ctypes.Structure):
    """halide_dimension_t."""

    _fields_ = (
        ("min", ctypes.c_int32),
        ("extent", ctypes.c_int32),
        ("stride", ctypes.c_int32),
        ("flags", ctypes.c_uint32),
    )


_LINE, _ROWS = _Dimension * 1, _Dimension * 2


class _Buffer(ctypes.Structure):
    """halide_buffer_t."""

    _fields_ = (
        ("device", ctypes.c_uint64),
        ("device_interface", ctypes.c_void_p),
        ("host", ctypes.c_void_p),
        ("flags", ctypes.c_uint64),
        ("code", ctypes.c_uint8),
        ("bits", ctypes.c_uint8),
        ("lanes", ctypes.c_uint16),
        ("dimensions", ctypes.c_int32),
        ("dim", ctypes.POINTER(_Dimension)),
        ("padding", ctypes.c_void_p),
    )


_HANDLER = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_char_p)


class Kernel:
    """A function from picture to picture, of an object and the runtime that it calls; the code lives as long as it.

    Besides a picture it may read `tables` further arrays, and `numbers` whole numbers before that of the tasks.
    """

    def __init__(self, code: bytes, runtime: bytes, tables: int = 0, numbers: int = 0) -> None:
        array, number = ctypes.POINTER(_Buffer), ctypes.c_int32
        kind = ctypes.CFUNCTYPE(number, array, *[array] * tables, *[number] * numbers, number, array)
        with lock:
            _link(runtime)
            self._engine = _load(code)
            self._call = kind(self._engine.get_function_address(FUNCTION))
            self._generation = _generation

    @property
    def alive(self) -> bool:
        """Whether it was loaded by this process rather than by one that this process was forked from."""
        return self._generation == _generation

    def __call__(
        self,
        source: NDArray[Any],
        target: NDArray[Any],
        tasks: int,
        tables: Sequence[NDArray[Any]] = (),
        numbers: Sequence[int] = (),
    ) -> None:
        """Compute `target` of `source`, arrays of rows of contiguous elements; RuntimeError or MemoryError if it fails.

        Python's lock is not held meanwhile.
        """
        _errors.message = ""
        status = self._call(_buffer(source), *map(_buffer, tables), *numbers, tasks, _buffer(target))
        if status == OUT_OF_MEMORY:
            raise MemoryError(f"not enough memory to enlarge the picture: {_errors.message}")
        if status:
            raise RuntimeError(f"a kernel failed with code {status}: {_errors.message}")


class Kernels(Generic[Key]):
    """The kernels of one purpose that this process has loaded, each by what it is for."""

    def __init__(self, make: Callable[[Key], Kernel]) -> None:
        self._make = make
        self._loaded: dict[Key, Kernel] = {}

    def __getitem__(self, key: Key) -> Kernel:
        """The kernel for something, loaded if this process has not loaded it yet."""
        kernel = self._loaded.get(key)
        if kernel is None or not kernel.alive:
            with lock:
                kernel = self._loaded.get(key)
                if kernel is None or not kernel.alive:
                    kernel = self._loaded[key] = self._make(key)
        return kernel


def _buffer(array: NDArray[Any]) -> _Buffer:
    """An array `(n,)`, or `(H, W)` or `(H, W, …)` as `(W · …, H)`, as Halide orders dimensions."""
    size, shape = array.itemsize, array.shape
    if len(shape) == 1:
        dimensions = _LINE((0, shape[0], 1, 0))
    else:
        height, width = shape[0], prod(shape[1:])
        dimensions = _ROWS((0, width, 1, 0), (0, height, array.strides[0] // size if height > 1 else width, 0))
    code = CODES[array.dtype.kind]
    return _Buffer(0, None, array.ctypes.data, 0, code, size * 8, 1, len(dimensions), dimensions, None)


def _link(runtime: bytes) -> None:
    """Load the runtime and tell LLVM where its functions are. It stays: its threads may be in it until the very end."""
    global _linked
    if _linked:
        return
    engine = _load(runtime)
    for name in sorted(set(re.findall(rb"halide_[a-z0-9_]+", runtime))):
        address = engine.get_function_address(name.decode())
        if address:
            binding.add_symbol(name.decode(), address)
    setter = engine.get_function_address("halide_set_error_handler")
    ctypes.CFUNCTYPE(ctypes.c_void_p, _HANDLER)(setter)(_note)
    engine.detach()
    _linked = True


def _load(code: bytes) -> Any:
    """An engine with an object in it."""
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    machine = binding.Target.from_default_triple().create_target_machine()
    # llvmlite's own manager of memory keeps the sections of an object together: with another they may come to lie more
    # than 2 GB apart in a process that has much mapped, farther than they can refer to each other, and LLVM aborts
    engine = binding.create_mcjit_compiler(binding.parse_assembly(""), machine, use_lmm=True)
    engine.add_object_file(binding.ObjectFileRef.from_data(code))
    engine.finalize_object()
    return engine


@_HANDLER
def _note(_context: object, message: bytes) -> None:
    """Instead of Halide's own handler, which ends the process."""
    _errors.message = message.decode(errors="replace").strip()


def _forget() -> None:
    """In a child: the runtime of its parent has no threads here."""
    global _generation, _linked
    _linked = False
    _generation += 1
    lock.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=lock.acquire, after_in_parent=lock.release, after_in_child=_forget)
