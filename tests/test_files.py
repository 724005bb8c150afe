"""Files appear whole or not at all, and what killed runs leave is found and removed."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from thinlens import files
from thinlens.files import appearing, clean, write_whole


def test_a_file_appears_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "whole.txt"
    with appearing(path) as temporary:
        temporary.write_text("whole")
        assert not path.exists()
    assert path.read_text() == "whole"
    assert list(tmp_path.iterdir()) == [path]


def test_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "whole.txt"
    path.write_text("before")
    with pytest.raises(RuntimeError), appearing(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "whole"
    write_whole(b"before", path)

    def broken(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    for call in ("fsync", "replace"):
        with monkeypatch.context() as patch:
            patch.setattr(os, call, broken)
            with pytest.raises(OSError, match="Input/output error"):
                write_whole(b"after", path)
    with pytest.raises(TypeError):
        write_whole("no bytes", path)  # type: ignore[arg-type]
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("durable", [True, False])
def test_flushed_before_it_is_renamed_and_the_folder_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, durable: bool
) -> None:
    path, calls = tmp_path / "whole", list[str]()
    fsync, replace = os.fsync, os.replace

    def flushed(descriptor: int) -> None:
        status = os.fstat(descriptor)
        if os.path.samestat(status, tmp_path.stat()):
            calls.append("folder")
        else:
            assert status.st_size == 5 and not path.exists()
            calls.append("file")
        fsync(descriptor)

    def renamed(source: Path, target: Path) -> None:
        assert target == path
        calls.append("rename")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", flushed)
    monkeypatch.setattr(os, "replace", renamed)
    write_whole(b"whole", path, durable=durable)
    folder = ["folder"] if os.name == "posix" else []
    assert calls == (["file", "rename", *folder] if durable else ["rename"])
    assert path.read_bytes() == b"whole"


@pytest.mark.skipif(os.name != "posix", reason="folders are flushed on POSIX systems only")
def test_a_folder_that_cannot_be_flushed_is_no_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fsync = os.fsync

    def flushed(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "Invalid argument")
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", flushed)
    write_whole(b"whole", tmp_path / "whole")
    assert (tmp_path / "whole").read_bytes() == b"whole"


@pytest.mark.parametrize("same", [True, False])
def test_threads_that_write_at_the_same_time_never_collide(tmp_path: Path, same: bool) -> None:
    count = 8
    contents = [bytes([index]) * 100_000 for index in range(count)]
    paths = [tmp_path / ("0" if same else str(index)) for index in range(count)]
    together = Barrier(count, timeout=30)

    def write(path: Path, content: bytes) -> str:
        with appearing(path) as temporary:
            together.wait()  # all of them are writing
            temporary.write_bytes(content)
            together.wait()
            assert temporary.read_bytes() == content
            return temporary.name

    with ThreadPoolExecutor(count) as pool:
        names = list(pool.map(write, paths, contents))
    assert len(set(names)) == count
    assert sorted(tmp_path.iterdir()) == sorted(set(paths))
    if same:
        assert paths[0].read_bytes() in contents
    else:
        assert [path.read_bytes() for path in paths] == contents


def leave_behind(folder: Path) -> Path:
    """A temporary file of a process that is killed while it writes."""
    code = (
        "import os, signal, sys\nfrom pathlib import Path\nfrom thinlens.files import appearing\n"
        "with appearing(Path(sys.argv[1]) / 'x') as temporary:\n"
        "    temporary.write_text('half')\n    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", code, folder], check=False)
    (left,) = folder.iterdir()
    return left


def test_what_killed_processes_left_is_cleaned(tmp_path: Path) -> None:
    left = leave_behind(tmp_path)
    assert left.name.startswith(".")
    clean(tmp_path)
    assert not left.exists()


def test_what_living_processes_write_stays(tmp_path: Path) -> None:
    with appearing(tmp_path / "x") as temporary:
        temporary.write_text("half")
        clean(tmp_path)
        assert temporary.exists()


def test_what_other_machines_write_stays_for_a_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left = leave_behind(tmp_path)
    monkeypatch.setattr("socket.gethostname", lambda: "another")
    clean(tmp_path)
    assert left.exists()
    yesterday = time.time() - files.FORGOTTEN - 1
    os.utime(left, (yesterday, yesterday))
    clean(tmp_path)
    assert not left.exists()


def test_cleaning_touches_nothing_else_and_needs_no_folder(tmp_path: Path) -> None:
    for name in (".thinlens-notes.txt", "photo.png", ".thinlens-x.tmp", ".tmp"):
        (tmp_path / name).touch()
    clean(tmp_path)
    clean(tmp_path / "missing")
    assert len(list(tmp_path.iterdir())) == 4


def test_abandoning_removes_what_is_being_written(tmp_path: Path) -> None:
    code = (
        "import os, sys\nfrom pathlib import Path\nfrom thinlens.files import abandon, appearing\n"
        "with appearing(Path(sys.argv[1]) / 'x') as temporary:\n"
        "    temporary.write_text('half')\n    abandon()\n    os._exit(0)\n"
    )
    subprocess.run([sys.executable, "-c", code, tmp_path], check=True)
    assert list(tmp_path.iterdir()) == []
