"""Reports: fronts, the drawing, and the page in a headless Chromium."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import pytest

from chromium import Chromium, installed
from search_rows import SETTINGS, fill, row
from thinlens.search import Table, candidate
from thinlens.search.report import fronts, markdown, write
from thinlens.search.report.write import page

SECONDS, BYTES = 5.0, 1_000_000


def test_the_whole_pool_is_small_and_quick(tmp_path: Path) -> None:
    fill(tmp_path)
    write(tmp_path)  # imports
    began = time.process_time()
    (written, drawing), rows = write(tmp_path, "Set14")
    assert time.process_time() - began < SECONDS
    assert len(rows) == 1185 + 3 + 1
    assert written.stat().st_size < BYTES
    assert drawing.read_bytes().startswith(b"\x89PNG")
    assert not list(tmp_path.glob(".thinlens-*"))


def test_fronts_leave_out_yardsticks_and_what_is_beaten() -> None:
    names = ["eSR-MAX_s2_K3_C1", "eSR-MAX_s2_K3_C2", "eSR-MAX_s2_K3_C10", "Bicubic_s2"]
    rows = [row(candidate(name)) for name in names]
    assert [each.network for each in fronts(rows)[2]] == ["eSR-MAX_s2_K3_C1", "eSR-MAX_s2_K3_C2", "eSR-MAX_s2_K3_C10"]
    assert [line.split("|")[1].strip() for line in markdown(rows).splitlines()[2:]] == [
        "Bicubic_s2",
        "eSR-MAX_s2_K3_C1",
        "eSR-MAX_s2_K3_C2",
        "eSR-MAX_s2_K3_C10",
    ]


def test_the_page_holds_what_is_in_the_table() -> None:
    rows = [row(candidate("eSR-MAX_s2_K3_C2"))]
    text = page(rows, SETTINGS, "my search", "validation")
    inside = text.split('<script id="data" type="application/json">')[1].split("</script>")[0]
    data = json.loads(inside)
    found = dict(zip(data["columns"], data["rows"][0], strict=True))
    assert (found["network"], found["state"], data["folder"]) == ("eSR-MAX_s2_K3_C2", "done", "'my search'")
    assert found["milliseconds"] == pytest.approx(rows[0].milliseconds, rel=1e-5)
    assert "http://www.w3.org" in text and text.count("http") == 2  # the name of SVG, and http-equiv


def test_errors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(FileNotFoundError, match=r"holds no search: there is no search\.sqlite"):
        write(tmp_path)
    fill(tmp_path, [candidate("eSR-MAX_s2_K3_C2")])
    with pytest.raises(ValueError, match=r"has no scores on 'Set6'; choose of validation, Set5, Set14, BSD100"):
        write(tmp_path, "Set6")
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"needs matplotlib: pip install 'thinlens\[search\]'"):
        write(tmp_path)


def test_of_a_search_in_which_nothing_is_done_yet(tmp_path: Path) -> None:
    with Table(tmp_path, SETTINGS):
        pass
    (written, drawing), rows = write(tmp_path)
    assert rows == [] and written.exists() and drawing.exists()


@pytest.mark.skipif(installed() is None, reason="no Chromium: apt-get install chromium")
def test_the_page_in_a_browser(tmp_path: Path) -> None:
    rows = fill(tmp_path)
    (written, _), _ = write(tmp_path)
    program = installed()
    assert program is not None
    with Chromium(program, tmp_path / "profile") as browser:
        browser.open(written.as_uri())
        assert browser.value("getComputedStyle(document.getElementById('tip')).display") == "none"
        for scale, name in ((2, "eSR-MAX_s2_K7_C16"), (3, "FSRCNN_s3_D56_S12_M4"), (4, "OpenCV-cubic_s4")):
            browser.value(f"document.getElementById('scale').value = '{scale}'; draw()")
            shown = browser.value("document.querySelectorAll('#plot circle:not(.engine)').length")
            assert shown == sum(each.scale == scale and each.state == "done" for each in rows)
            place = f"document.querySelector('#plot circle[data-network=\"{name}\"]').getBoundingClientRect()"
            x, y, size = (browser.value(f"{place}.{side}") for side in ("x", "y", "width"))
            browser.move(x + size / 2, y + size / 2)
            tip = browser.value("document.getElementById('tip').textContent")
            wanted = next(each for each in rows if each.network == name)
            assert browser.value("getComputedStyle(document.getElementById('tip')).display") == "block"
            near = tip.splitlines()[0]  # another network may lie on the very place
            found = next(each for each in rows if each.network == near.split(" in ")[0])
            assert found.milliseconds == pytest.approx(wanted.milliseconds, rel=0.02)
            assert f"{found.validation:.2f} dB" in tip and "Set5" in tip
            assert found.yardstick or f"--network {found.network}" in tip
        browser.move(1, 1)
        assert browser.value("getComputedStyle(document.getElementById('tip')).display") == "none"
        browser.value("document.getElementById('cost').value = 'parameters'; draw()")
        assert browser.value("document.querySelectorAll('#front tr').length") > 3
        assert "</script> & <b>" in browser.value("document.getElementById('failed').textContent")
        assert browser.requests and {url.split(":")[0] for url in browser.requests} <= {"file", "data"}
        assert [url for url in browser.requests if url.startswith("file")] == [written.as_uri()]
