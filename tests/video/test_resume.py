"""Runs that are killed go on; results appear whole or not at all."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("av")

from films_encoded import decoded, film, same
from thinlens import films
from thinlens.sizes import TargetSize
from thinlens.video import Segment, Times, cut

SHORT = films.Options(TargetSize(scale=2), "fast", preset="ultrafast", segment=0.2)
RUN = """
import sys
from thinlens import films
from thinlens.sizes import TargetSize
options = films.Options(TargetSize(scale=2), "fast", preset="ultrafast", segment=0.2)
films.upscale_film(sys.argv[1], sys.argv[2], options)
"""


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_segments_end_where_decoding_can_begin() -> None:
    from fractions import Fraction

    times = Times(list(range(0, 100, 2)), [0, 20, 40, 60, 80], True, 2)
    cuts = cut(times, Fraction(1, 10), 3.0)
    assert [(segment.begin, segment.end, segment.frames) for segment in cuts] == [
        (0, 40, 20),
        (40, 80, 20),
        (80, 100, 10),
    ]
    part = cut(times, Fraction(1, 10), 3.0, 30, 50)
    assert part == [Segment(0, 30, 50, 10)]
    without = cut(Times(list(range(100)), [0], True, 1), Fraction(1, 10), 1.0)
    assert [segment.frames for segment in without] == [40, 40, 20]
    with pytest.raises(ValueError, match="no frame of the film lies there"):
        cut(times, Fraction(1, 10), 3.0, 200)


def test_what_is_made_is_not_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = film(tmp_path / "film.mkv", 24)
    whole, resumed = tmp_path / "whole.mkv", tmp_path / "resumed.mkv"
    work = films.upscale_film(source, whole, SHORT)
    assert len(work.segments) > 2 and names(tmp_path) == ["film.mkv", "whole.mkv"]

    class Stop(Exception):
        pass

    def stopping(done: int, of: int) -> None:
        if done > of // 2:
            raise Stop

    with pytest.raises(Stop):
        films.upscale_film(source, resumed, SHORT, stopping)
    assert len(names(tmp_path)) == 3 and not resumed.exists()
    told: list[int] = []
    films.upscale_film(source, resumed, SHORT, lambda done, _of: told.append(done))
    assert told[0] > 0
    assert same(whole, resumed) and names(tmp_path) == ["film.mkv", "resumed.mkv", "whole.mkv"]


def test_half_a_file_of_a_killed_run_is_removed(tmp_path: Path) -> None:
    source, target = film(tmp_path / "film.mkv"), tmp_path / "larger.mkv"
    script = (
        "import os, sys; from pathlib import Path; from thinlens.files import appearing\n"
        "with appearing(Path(sys.argv[1])) as temporary:\n    temporary.write_bytes(b'half'); os._exit(9)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    assert subprocess.run([sys.executable, "-c", script, target], env=environment).returncode == 9
    assert len(names(tmp_path)) == 2
    films.upscale_film(source, target, SHORT)
    assert names(tmp_path) == ["film.mkv", "larger.mkv"]


def test_other_settings_begin_anew(tmp_path: Path) -> None:
    source, target = film(tmp_path / "film.mkv"), tmp_path / "larger.mkv"

    def stopping(done: int, _of: int) -> None:
        if done > 8:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        films.upscale_film(source, target, SHORT, stopping)
    told: list[int] = []
    films.upscale_film(source, target, replace(SHORT, crf=30.0), lambda done, _of: told.append(done))
    assert told[0] == 0 and names(tmp_path) == ["film.mkv", "larger.mkv"]


@pytest.mark.slow
def test_killed_at_random_moments(tmp_path: Path) -> None:
    source = film(tmp_path / "film.mkv", 120)
    (tmp_path / "out").mkdir()
    whole, target = tmp_path / "whole.mkv", tmp_path / "out" / "larger.mkv"
    films.upscale_film(source, whole, SHORT)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command: list[Any] = [sys.executable, "-c", RUN, source, target]
    begun = time.monotonic()
    subprocess.run(command, env=environment, check=True)
    length, chance, kills = time.monotonic() - begun, random.Random(0), 0
    target.unlink()
    while kills < 20:
        run = subprocess.Popen(command, env=environment)
        time.sleep(chance.uniform(0.3, 1.1) * length)
        run.send_signal(signal.SIGKILL)
        if run.wait() == 0:
            assert same(whole, target) and names(target.parent) == ["larger.mkv"]
            target.unlink()
            continue
        kills += 1
        assert not target.exists() or same(whole, target)
    subprocess.run(command, env=environment, check=True)
    assert same(whole, target) and names(target.parent) == ["larger.mkv"]
    assert len(decoded(target)) == 120


@pytest.mark.slow
def test_a_cluster_makes_the_same(tmp_path: Path) -> None:
    pytest.importorskip("ray")
    from thinlens import cluster

    source = film(tmp_path / "film.mkv")
    here, there = tmp_path / "here.mkv", tmp_path / "there.mkv"
    enhanced = replace(SHORT, enhance=1.0)
    films.upscale_film(source, here, enhanced)
    cluster.upscale_film(source, there, enhanced)
    assert same(here, there) and names(tmp_path) == ["film.mkv", "here.mkv", "there.mkv"]


@pytest.mark.slow
def test_a_worker_killed_half_way(tmp_path: Path) -> None:
    pytest.importorskip("ray")
    from thinlens import cluster

    source = film(tmp_path / "film.mkv", 400, (320, 240))
    here, there = tmp_path / "here.mkv", tmp_path / "there.mkv"
    films.upscale_film(source, here, SHORT)
    killed: list[int] = []

    def kill(done: int, of: int) -> None:
        if not killed and of // 4 < done < of and (workers := _busy_workers()):
            os.kill(workers[0], signal.SIGKILL)
            killed.append(workers[0])

    cluster.upscale_film(source, there, SHORT, kill)
    assert killed
    assert same(here, there) and names(tmp_path) == ["film.mkv", "here.mkv", "there.mkv"]


def _busy_workers() -> list[int]:
    """The workers of Ray below this process that are making a segment."""
    found = subprocess.run(["ps", "-eo", "pid=,ppid=,args="], capture_output=True, text=True).stdout
    lines = [line.split(None, 2) for line in found.splitlines()]
    processes = {int(line[0]): (int(line[1]), line[2] if len(line) > 2 else "") for line in lines}

    def belongs(process: int) -> bool:
        while process > 1:
            if process == os.getpid():
                return True
            process = processes.get(process, (0, ""))[0]
        return False

    return [process for process, (_, name) in processes.items() if "ray::make_one" in name and belongs(process)]
