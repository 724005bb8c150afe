"""The table: rows come back as they were, one search at a time, with one kind of settings."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from search_rows import SETTINGS, fill, row
from thinlens.search import Row, Table, Trained, Trial, candidate

NAMES = ["eSR-MAX_s2_K3_C2", "FSRCNN_s4_D56_S12_M4", "Bicubic_s3"]


def test_rows_come_back(tmp_path: Path) -> None:
    rows = fill(tmp_path, [candidate(name) for name in NAMES])
    with Table(tmp_path) as table:
        assert list(table.rows.values()) == rows
        assert table.settings == SETTINGS


def test_a_row_becomes_whole_in_its_place(tmp_path: Path) -> None:
    whole = row(candidate(NAMES[0]))
    begun = Row.begun(Trial(candidate(NAMES[0])), Trained(whole.validation or 0.0))
    with Table(tmp_path, SETTINGS) as table:
        table.write(begun, row(candidate(NAMES[1])))
        table.write(whole)
    with Table(tmp_path, SETTINGS) as table:
        assert list(table.rows.values()) == [whole, row(candidate(NAMES[1]))]
        table.remove(whole.key)
    with Table(tmp_path) as table:
        assert list(table.rows) == [row(candidate(NAMES[1])).key]


def test_one_driver_at_a_time_and_readers_any_time(tmp_path: Path) -> None:
    with Table(tmp_path, SETTINGS):
        with pytest.raises(ValueError, match="another search is at work in"):
            Table(tmp_path, SETTINGS)
        with Table(tmp_path) as reader:
            assert reader.rows == {}
    Table(tmp_path, SETTINGS).close()


def test_a_reader_takes_back_what_a_killed_driver_has_half_written(tmp_path: Path) -> None:
    rows = fill(tmp_path, [candidate(name) for name in NAMES])
    code = f"""
import os, sqlite3
database = sqlite3.connect({str(tmp_path / "search.sqlite")!r})
database.execute("PRAGMA cache_size = 1")  # so that pages are written before the end
database.execute("PRAGMA cache_spill = 1")
database.execute("UPDATE trials SET reason = 'half ' || hex(zeroblob(100000))")
os._exit(9)
"""
    assert subprocess.run([sys.executable, "-c", code]).returncode == 9
    assert (tmp_path / "search.sqlite-journal").exists()
    with Table(tmp_path) as table:
        assert list(table.rows.values()) == rows


def test_other_settings_are_refused(tmp_path: Path) -> None:
    Table(tmp_path, SETTINGS).close()
    with pytest.raises(ValueError, match=r"holds a search with the size \[640, 360\], not \[1, 1\]; give the same, or"):
        Table(tmp_path, {**SETTINGS, "size": [1, 1]})


def test_what_is_no_table(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"holds no search: there is no search\.sqlite"):
        Table(tmp_path)
    (tmp_path / "search.sqlite").write_bytes(b"no database, and long enough to be taken for one" * 99)
    for settings in (None, SETTINGS):
        with pytest.raises(ValueError, match="is no table of a search, or is damaged"):
            Table(tmp_path, settings)
