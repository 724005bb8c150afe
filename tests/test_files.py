"""Files appear whole or not at all, and what killed runs leave is found and removed."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from thinlens import files
from thinlens.files import appearing, clean


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
