"""The cache of kernels: what is damaged, misplaced or not the user's own is built again, and nothing else happens."""

from __future__ import annotations

import hashlib
import os
import signal
import stat
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest

from programs import float_program, integer_program, picture
from thinlens import files
from thinlens.kernels import Compiled, cache, objects
from thinlens.pipelines import build
from thinlens.program import reference

KEY, OTHER = hashlib.sha256(b"one").hexdigest(), hashlib.sha256(b"other").hexdigest()
CODE = bytes(range(256)) * 40
PROGRAM = integer_program(2, 3, 2)
LOW = picture(9, 11, False, np.uint8)
WANTED = reference.run(PROGRAM, LOW)
posix = pytest.mark.skipif(os.name != "posix", reason="Windows has no such permissions")
root = pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root gives files away")
mortal = pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root writes everywhere")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache."""
    monkeypatch.setenv("THINLENS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What Halide builds from now on, by name."""
    names: list[str] = []
    original = build.compile_object

    def watched(*arguments: object) -> bytes:
        names.append(arguments[0].name)  # type: ignore[attr-defined]
        return original(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(build, "compile_object", watched)
    return names


def stored(folder: Path) -> Path:
    cache.write(KEY, CODE)
    assert cache.read(KEY) == CODE
    return folder / (KEY + cache.SUFFIX)


def test_what_was_written_is_read(folder: Path) -> None:
    assert cache.read(KEY) is None
    path = stored(folder)
    assert cache.read(OTHER) is None
    if os.name == "posix":
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("length", [0, 10, cache.HEADER, cache.HEADER + 5, -1])
def test_truncated(length: int, folder: Path) -> None:
    path = stored(folder)
    path.write_bytes(path.read_bytes()[:length])
    assert cache.read(KEY) is None
    stored(folder)


@pytest.mark.parametrize("position", [0, 40, cache.HEADER, -1])
def test_altered(position: int, folder: Path) -> None:
    path = stored(folder)
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.write_bytes(content)
    assert cache.read(KEY) is None


def test_of_another_key(folder: Path) -> None:
    path = stored(folder)
    path.rename(folder / (OTHER + cache.SUFFIX))
    assert cache.read(OTHER) is None


@posix
def test_a_link_to_elsewhere(folder: Path, tmp_path: Path) -> None:
    path = stored(folder)
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    assert cache.read(KEY) is None
    cache.write(KEY, CODE)
    assert not path.is_symlink() and cache.read(KEY) == CODE


@posix
def test_what_is_no_file(folder: Path) -> None:
    path = stored(folder)
    path.unlink()
    os.mkfifo(path)
    assert cache.read(KEY) is None  # at once, rather than waiting for a writer
    path.unlink()
    path.mkdir()
    assert cache.read(KEY) is None
    cache.write(KEY, CODE)


@posix
@pytest.mark.parametrize("mode", [0o720, 0o702, 0o777])
def test_open_to_others(mode: int, folder: Path) -> None:
    path = stored(folder)
    folder.chmod(mode)
    assert cache.read(KEY) is None
    cache.write(OTHER, CODE)
    assert list(folder.iterdir()) == [path]
    folder.chmod(0o700)
    path.chmod(mode)
    assert cache.read(KEY) is None


@root
def test_of_a_foreign_owner(folder: Path) -> None:
    path = stored(folder)
    os.chown(path, 12345, 12345)
    assert cache.read(KEY) is None
    os.chown(path, 0, 0)
    os.chown(folder, 12345, 12345)
    assert cache.read(KEY) is None
    cache.write(OTHER, CODE)
    assert list(folder.iterdir()) == [path]


@mortal
def test_read_only(folder: Path) -> None:
    path = stored(folder)
    folder.chmod(0o500)
    cache.write(OTHER, CODE)
    assert list(folder.iterdir()) == [path] and cache.read(KEY) == CODE


def test_a_place_that_cannot_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("THINLENS_CACHE", str(tmp_path / "file" / "cache"))
    cache.write(KEY, CODE)
    assert cache.read(KEY) is None
    assert np.array_equal(Compiled(PROGRAM)(LOW), WANTED)


def test_a_full_disk(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    assert np.array_equal(Compiled(PROGRAM)(LOW), WANTED)
    assert list(folder.iterdir()) == []


def test_turned_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, built: list[str]) -> None:
    monkeypatch.setenv("THINLENS_CACHE", "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    for _ in range(2):
        assert np.array_equal(Compiled(PROGRAM)(LOW), WANTED)
    assert len(built) == 2 and list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform != "linux", reason="folders are named otherwise there")
def test_where(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("THINLENS_CACHE")
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setenv("XDG_CACHE_HOME", "/var/me")
    assert cache.folder() == Path("/var/me/thinlens/kernels")
    monkeypatch.setenv("XDG_CACHE_HOME", "not/absolute")
    assert cache.folder() == Path("/home/me/.cache/thinlens/kernels")
    monkeypatch.setenv("HOME", "nowhere")
    assert cache.folder() is None


def test_the_oldest_go_first(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "LARGEST", 3 * (len(CODE) + cache.HEADER))
    keys = [hashlib.sha256(bytes([number])).hexdigest() for number in range(5)]
    for age, key in enumerate(keys[:3]):
        cache.write(key, CODE)
        os.utime(folder / (key + cache.SUFFIX), (1000 + age, 1000 + age))
    assert cache.read(keys[0]) == CODE  # used, so no longer the oldest
    cache.write(keys[3], CODE)
    assert [cache.read(key) is not None for key in keys] == [True, False, True, True, False]


def test_kernels_are_read_where_they_can_be(folder: Path, built: list[str]) -> None:
    for _ in range(2):
        assert np.array_equal(Compiled(PROGRAM)(LOW), WANTED)
    assert built == [PROGRAM.name]
    for path in folder.iterdir():
        path.write_bytes(path.read_bytes()[:-1])
    assert np.array_equal(Compiled(PROGRAM)(LOW), WANTED)
    assert np.array_equal(Compiled(PROGRAM)(LOW), WANTED)
    assert built == [PROGRAM.name] * 2


def test_what_a_kernel_depends_on(folder: Path, built: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    Compiled(PROGRAM)(LOW)
    Compiled(integer_program(2, 3, 2))(LOW)  # the same weights
    assert len(built) == 1
    Compiled(integer_program(2, 3, 2, bias=True))(LOW)
    Compiled(float_program("maximum", 2, 3, 2))(LOW)
    Compiled(float_program("maximum", 2, 3, 2))(LOW.astype(np.uint16))
    Compiled(float_program("maximum", 2, 3, 2))(picture(9, 11, True, np.uint8))
    assert len(built) == 5
    monkeypatch.setattr(objects, "_version", lambda name: f"another {name}")
    Compiled(PROGRAM)(LOW)
    monkeypatch.setattr(objects, "_sources", lambda: "changed")
    Compiled(PROGRAM)(LOW)
    assert len(built) == 7


SCRIPT = """
import numpy as np
from programs import integer_program, picture
from thinlens.kernels import Compiled
print(hash(Compiled(integer_program(2, 3, 2))(picture(9, 11, False, np.uint8)).tobytes()))
"""


def start(code: str) -> subprocess.Popen[str]:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "PYTHONHASHSEED": "0"}
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=environment)


def test_two_processes_build_the_same_at_once(folder: Path) -> None:
    running = [start(SCRIPT) for _ in range(2)]
    results = [process.communicate(timeout=120)[0] for process in running]
    assert all(process.returncode == 0 for process in running) and results[0] == results[1] != ""
    assert sorted(path.suffix for path in folder.iterdir()) == [cache.SUFFIX]
    again = start("import sys\nsys.modules['halide'] = None\n" + SCRIPT)
    assert again.communicate(timeout=120)[0] == results[0]


@posix
def test_killed_while_writing(folder: Path) -> None:
    code = f"""
    import os, pathlib, signal
    from thinlens.kernels import cache
    def half(self, content):
        with open(self, "wb") as file:
            file.write(content[:100])
        os.kill(os.getpid(), signal.SIGKILL)
    pathlib.Path.write_bytes = half
    cache.write({KEY!r}, bytes(1000))
    """
    process = start(textwrap.dedent(code))
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    (left,) = folder.iterdir()
    assert left.name.startswith(files.PREFIX) and cache.read(KEY) is None
    cache.write(OTHER, CODE)  # which removes what is left of it
    assert [path.name for path in folder.iterdir()] == [OTHER + cache.SUFFIX]


def test_threads_write_and_read_the_same(folder: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    def both(_: int) -> bool:
        cache.write(KEY, CODE)
        return cache.read(KEY) == CODE

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(both, range(200)))
    assert time.time() - (folder / (KEY + cache.SUFFIX)).stat().st_mtime < 60
