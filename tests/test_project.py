"""What the project promises about itself: a light base install, and sources for what it cites."""

from __future__ import annotations

import re
from importlib.metadata import requires
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_base_install_brings_neither_torch_nor_ray() -> None:
    base = [line for line in requires("thinlens") or [] if "extra ==" not in line]
    names = {re.split(r"[^A-Za-z0-9_-]", line)[0].lower() for line in base}
    assert names == {"numpy", "halide", "llvmlite", "pyvips", "safetensors", "typer", "rich"}


def test_every_citation_is_in_the_bibliography() -> None:
    known = re.findall(r"^@\w+\{(\w+),", (ROOT / "BIBLIOGRAPHY.bib").read_text(encoding="utf-8"), re.MULTILINE)
    assert len(known) == len(set(known))
    sources = [*(ROOT / "src").rglob("*.py"), *(ROOT / "docs").rglob("*.md"), ROOT / "README.md"]
    for path in sources:
        for key in re.findall(r"\[([A-Z][A-Za-z]+\d{3,4})\]", path.read_text(encoding="utf-8")):
            assert key in known, f"{path.name} cites [{key}], which BIBLIOGRAPHY.bib does not have"
