"""Folder runs killed at random moments; benchmarks/kills.py does the same 50 times and reports it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "kills.py"


@pytest.mark.slow
def test_killed_runs_leave_whole_files(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, SCRIPT, "10"], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("10 runs over 24 photos")
