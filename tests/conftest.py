"""Shared by all tests: golden texts with an update flag, and a cache of kernels that is the session's own."""

from __future__ import annotations

import atexit
import os
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

GOLDEN = Path(__file__).parent / "golden"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="rewrite the texts in tests/golden")


def pytest_configure() -> None:
    folder = TemporaryDirectory(prefix="thinlens-kernels-", ignore_cleanup_errors=True)
    os.environ["THINLENS_CACHE"] = folder.name
    atexit.register(folder.cleanup)


@pytest.fixture
def uncached(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kernels are built, not read; for tests that change how."""
    monkeypatch.setenv("THINLENS_CACHE", "")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compare a text with tests/golden/NAME; `pytest --update-golden` writes it instead."""

    def compare(name: str, text: str) -> None:
        path = GOLDEN / name
        if request.config.getoption("--update-golden"):
            path.write_text(text, encoding="utf-8")
        assert path.exists(), f"no golden text {path.name}; run: pytest --update-golden"
        assert text == path.read_text(encoding="utf-8"), "if the change is meant, run: pytest --update-golden"

    return compare
