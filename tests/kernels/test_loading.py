"""Kernels in a process: many threads at once, after a fork, and what fails in them."""

from __future__ import annotations

import ctypes
import gc
import multiprocessing
import os
import subprocess
import sys
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier, Event, Thread
from typing import Any

import numpy as np
import pytest

import processors
from programs import float_program, integer_program, picture
from thinlens.kernels import Compiled, compile, loading, objects
from thinlens.kernels.host import processor_of
from thinlens.pipelines import build
from thinlens.program import reference

PROGRAM = integer_program(2, 3, 2)
LOW = picture(30, 41, True, np.uint8)
WANTED = reference.run(PROGRAM, LOW) if PROGRAM.channels == 3 else reference.run(PROGRAM.color, LOW)


def test_many_threads_call_one(tmp_path: Path) -> None:
    compiled, together = Compiled(PROGRAM), Barrier(8)

    def call(_: int) -> bool:
        together.wait(timeout=60)
        return all(np.array_equal(compiled(LOW, threads=1 + count % 3), WANTED) for count in range(20))

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(call, range(8)))


def test_python_goes_on_meanwhile() -> None:
    """One call on one thread, and another thread that counts: were the lock held, it would not count before the end."""
    compiled = compile(float_program("query*key", 2, 7, 4))
    low = picture(1500, 2000, False, np.float32)
    compiled(low[:10, :10])
    kernel, high = compiled.kernel(low.dtype, 1), np.empty((3000, 4000), np.float32)
    began, ended, counts = Event(), Event(), list[int]()

    def count() -> None:
        began.set()
        while not ended.is_set():
            counts.append(len(counts))

    counting = Thread(target=count)
    counting.start()
    began.wait()
    before = len(counts)
    kernel(low, high, 1)
    after = len(counts)
    ended.set()
    counting.join()
    assert after - before > 1000


def child(results: Any) -> None:
    results.put(np.array_equal(Compiled(PROGRAM)(LOW), WANTED) and np.array_equal(compile(PROGRAM)(LOW), WANTED))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_parent_and_child_of_a_fork() -> None:
    assert np.array_equal(compile(PROGRAM)(LOW), WANTED)  # with the pool of threads running
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    children = [context.Process(target=child, args=(results,)) for _ in range(2)]
    for process in children:
        process.start()
    assert np.array_equal(compile(PROGRAM)(LOW), WANTED)
    found = [results.get(timeout=60) for _ in children]
    for process in children:
        process.join(timeout=60)
    assert found == [True, True] and [process.exitcode for process in children] == [0, 0]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_fork_waits_for_what_is_just_loaded() -> None:
    holding, release, forked = Event(), Event(), Event()

    def hold() -> None:
        with loading.lock:
            holding.set()
            release.wait()

    def fork() -> None:
        process = os.fork()
        if process == 0:
            os._exit(0 if loading.lock.acquire(blocking=False) else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 0
        forked.set()

    threads = [Thread(target=hold), Thread(target=fork)]
    threads[0].start()
    holding.wait()
    threads[1].start()
    assert not forked.wait(0.2)
    release.set()
    assert forked.wait(60)
    for thread in threads:
        thread.join()


def test_what_fails_in_a_kernel_is_an_exception() -> None:
    kernel = Compiled(PROGRAM).kernel(np.dtype(np.uint8), 1)
    low, small = picture(8, 8, False, np.uint8), np.zeros((15, 16), np.uint8)
    for _ in range(2):
        with pytest.raises(RuntimeError, match=r"a kernel failed with code -\d+: .*(accessed|extent)"):
            kernel(low, small, 1)
    with pytest.raises(RuntimeError, match="type"):
        kernel(low.astype(np.uint16), np.zeros((16, 16), np.uint16), 1)
    with ThreadPoolExecutor(2) as pool:
        for failed in [pool.submit(kernel, low, small, 1) for _ in range(4)]:
            assert "code" in str(failed.exception())
    assert np.array_equal(Compiled(PROGRAM)(low), reference.run(PROGRAM, low))


def test_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = Compiled(PROGRAM).kernel(np.dtype(np.uint8), 1)
    monkeypatch.setattr(kernel, "_call", lambda *_: loading.OUT_OF_MEMORY)
    with pytest.raises(MemoryError, match="^not enough memory to enlarge the picture"):
        kernel(LOW[..., 0], np.zeros((60, 82), np.uint8), 1)


def test_kernels_come_and_go() -> None:
    """The code of a kernel is freed with it, and others stay what they were."""
    kept = Compiled(PROGRAM)
    for _ in range(30):
        assert np.array_equal(Compiled(PROGRAM)(LOW), WANTED)
        gc.collect()
    assert np.array_equal(kept(LOW), WANTED)


def test_an_object_for_another_machine() -> None:
    with pytest.raises(ValueError, match="^a kernel for arm-64-windows does not run here"):
        Compiled(PROGRAM, processor_of("arm-64-windows"))(LOW)


@pytest.mark.skipif(sys.platform != "linux", reason="Halide's wheels for Linux made them")
@pytest.mark.parametrize("system", objects.SYSTEMS)
def test_shipped_runtimes_are_what_halide_makes(system: str) -> None:
    if not objects.shipped(system).is_file():
        pytest.skip("they are of another version of Halide; `just runtimes` makes them anew")
    assert zlib.decompress(objects.shipped(system).read_bytes()) == build.compile_runtime(system)


def test_without_a_shipped_runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is built, and comes from the cache the next time."""
    system, made = processor_of().system, list[str]()
    wanted = objects.runtime(system)
    monkeypatch.setattr(objects, "RUNTIMES", tmp_path / "none")
    monkeypatch.setenv("THINLENS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(build, "compile_runtime", lambda system: made.append(system) or wanted)
    for _ in range(2):
        assert objects.runtime.__wrapped__(system) == wanted
    assert made == [system]


def test_sizes_of_what_halide_reads() -> None:
    if ctypes.sizeof(ctypes.c_void_p) == 8:
        assert (ctypes.sizeof(loading._Buffer), ctypes.sizeof(loading._Dimension)) == (56, 16)


@pytest.mark.skipif("AVX2" not in processors.HERE, reason="it names AVX2")
def test_a_whole_process_for_another_processor() -> None:
    code = """
import numpy as np
from programs import integer_program, picture
from thinlens.kernels import compile
compiled = compile(integer_program(2, 3, 2))
assert compiled(picture(30, 41, True, np.uint8)).shape == (60, 82, 3)
print(compiled.processor)
"""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "THINLENS_TARGET": processors.HERE["AVX2"]}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout == f"{processors.HERE['AVX2']}: int8 in pairs of 16 bits (pmaddwd)\n"


@pytest.mark.skipif(sys.platform != "linux", reason="it fills the address space as Linux lays it out")
def test_kernels_load_wherever_memory_is_mapped() -> None:
    """Between loads a gigabyte and more is mapped, 40 times: the parts of a kernel must not come to lie far apart."""
    code = """
import mmap
import numpy as np
from programs import integer_program, picture
from thinlens.kernels import loading, objects
from thinlens.kernels.host import processor_of
processor, low, kept = processor_of(None), picture(30, 41, False, np.uint8), []
made = objects.kernel(integer_program(2, 3, 2), low.dtype, 1, processor)
for index in range(300):
    kept.append(loading.Kernel(made, objects.runtime(processor.system)))
    kept[-1](low, np.empty((60, 82), np.uint8), 4)
    if index % 7 == 0:
        flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x4000  # MAP_NORESERVE
        kept.append(mmap.mmap(-1, (1 << 30) + (index << 20), flags=flags))
print("loaded")
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[1]), *sys.path])}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert (done.returncode, done.stdout) == (0, "loaded\n"), done.stderr
