"""The table of a search: an SQLite file that the driver alone writes, one row a trial, each change whole."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Mapping
from dataclasses import MISSING, astuple, fields
from pathlib import Path
from types import TracebackType
from typing import Any

from .row import Row

FORMAT = "thinlens search 1"
FILE, LOCK = "search.sqlite", "driver.lock"
COLUMNS = tuple(item.name for item in fields(Row))
JSON = frozenset(item.name for item in fields(Row) if item.default_factory is not MISSING)
"""Columns of more than one value, which are stored as JSON."""


class Table:
    """The rows of a folder by their keys, and the settings that all of them share.

    A context manager. To write, the folder is held as long: whatever ends the process sets it free. Raises ValueError
    if the folder is held by another search, if it was begun with other settings, or is none.
    """

    def __init__(self, folder: str | os.PathLike[str], settings: Mapping[str, object] | None = None) -> None:
        """To read what is there; with settings to write, where there may be nothing yet."""
        self.folder, self.path = Path(folder), Path(folder) / FILE
        self._lock: sqlite3.Connection | None = None
        if settings is None:
            if not self.path.is_file():
                raise FileNotFoundError(f"{self.folder} holds no search: there is no {FILE}; give the folder of one")
            # to write, too, as the first to read after a driver was killed takes back what that had half written
            self._database = sqlite3.connect(f"{self.path.absolute().as_uri()}?mode=rw", uri=True)
        else:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._lock = self._hold()
            self._database = sqlite3.connect(self.path)
        try:
            if settings is not None:
                self._prepare(settings)
            self.settings = self._read_settings()
            self.rows = self._read()
        except sqlite3.DatabaseError as error:
            self.close()
            raise ValueError(f"{self.path} is no table of a search, or is damaged: {error}") from None
        except ValueError:
            self.close()
            raise

    def write(self, *rows: Row) -> None:
        """Add rows, or replace those of their keys; all of them are on the disk when this returns, or none."""
        places = ", ".join("?" * len(COLUMNS))
        updates = ", ".join(f"{name} = excluded.{name}" for name in COLUMNS[1:])
        with self._database:
            self._database.executemany(
                f"INSERT INTO trials VALUES ({places}) ON CONFLICT (key) DO UPDATE SET {updates}", map(_stored, rows)
            )
        self.rows.update((row.key, row) for row in rows)

    def remove(self, key: str) -> None:
        """Forget a row."""
        with self._database:
            self._database.execute("DELETE FROM trials WHERE key = ?", [key])
        del self.rows[key]

    def close(self) -> None:
        """Set the folder free."""
        self._database.close()
        if self._lock is not None:
            self._lock.close()

    def __enter__(self) -> Table:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _hold(self) -> sqlite3.Connection:
        lock = sqlite3.connect(self.folder / LOCK, timeout=0, isolation_level=None)
        try:
            lock.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError:
            lock.close()
            reason = f"another search is at work in {self.folder}; wait for it, or give another folder"
            raise ValueError(reason) from None
        return lock

    def _prepare(self, settings: Mapping[str, object]) -> None:
        wanted = {"format": FORMAT} | {name: json.dumps(value) for name, value in settings.items()}
        with self._database:
            self._database.execute("CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT)")
            columns = ", ".join(COLUMNS[1:])
            self._database.execute(f"CREATE TABLE IF NOT EXISTS trials (key TEXT PRIMARY KEY, {columns})")
            found = dict(self._database.execute("SELECT name, value FROM settings"))
            if not found:
                self._database.executemany("INSERT INTO settings VALUES (?, ?)", wanted.items())
        for name in wanted:
            if found and found.get(name) != wanted[name]:
                raise ValueError(
                    f"{self.folder} holds a search with the {name} {found.get(name)}, not {wanted[name]}; "
                    "give the same, or another folder"
                )

    def _read_settings(self) -> dict[str, Any]:
        found = dict(self._database.execute("SELECT name, value FROM settings"))
        if found.pop("format", None) != FORMAT:
            raise ValueError(f"{self.path} was written by another version of thinlens; begin a new folder")
        return {name: json.loads(value) for name, value in found.items()}

    def _read(self) -> dict[str, Row]:
        rows: dict[str, Row] = {}
        for values in self._database.execute(f"SELECT {', '.join(COLUMNS)} FROM trials ORDER BY rowid"):
            stored = zip(COLUMNS, values, strict=True)
            by_name = {name: json.loads(value) if name in JSON else value for name, value in stored}
            by_name["scores"] = {name: tuple(pair) for name, pair in by_name["scores"].items()}
            rows[by_name["key"]] = Row(**by_name)
        return rows


def _stored(row: Row) -> list[Any]:
    values = zip(COLUMNS, astuple(row), strict=True)
    return [json.dumps(value) if name in JSON else value for name, value in values]
