"""Folders on Ray, on a real cluster of this machine: whoever is lost half-way, every photo is done once and whole."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from thinlens import cluster
from thinlens.jobs import Job
from thinlens.photo import Photo, read, write
from thinlens.program import Convolution, PixelShuffle, Program, save
from thinlens.sizes import DEFAULT

NEAREST = Program("nearest", (Convolution(0, np.ones((4, 1, 1, 1), np.float32)), PixelShuffle(1, 2)))


def photos(folder: Path, count: int, side: int) -> list[Job]:
    """Noise, with the jobs to enlarge it from `in` to `out`."""
    (folder / "in").mkdir()
    (folder / "out").mkdir()
    noise = np.random.default_rng(0).integers(0, 256, (side, side)).astype(np.uint8)
    jobs = [Job(folder / "in" / f"{index:03}.png", folder / "out" / f"{index:03}.png") for index in range(count)]
    for index, job in enumerate(jobs):
        write(Photo(np.roll(noise, index)), job.source)
    return jobs


def check_whole(jobs: list[Job]) -> None:
    """Every result is there, right and alone."""
    for job in jobs:
        np.testing.assert_array_equal(read(job.target).pixels, read(job.source).pixels.repeat(2, 0).repeat(2, 1))
    assert sorted(jobs[0].target.parent.iterdir()) == [job.target for job in jobs]


class Deadly:
    """Whoever unpickles it dies."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os._exit, (1,)


def test_a_folder_on_a_cluster_of_this_machine(tmp_path: Path) -> None:
    jobs = photos(tmp_path, 6, 20)
    jobs[0].target.write_text("done before")
    jobs[1].source.write_text("no picture")
    outcomes = list(cluster.upscale_files(jobs, skip_existing=True, model=NEAREST))
    assert {"HL_NUM_THREADS", "RAY_USAGE_STATS_ENABLED"}.isdisjoint(os.environ)
    assert {outcome.job for outcome in outcomes} == set(jobs)
    assert [outcome.job for outcome in outcomes if outcome.skipped] == [jobs[0]]
    failed = [outcome for outcome in outcomes if outcome.error]
    assert [outcome.job for outcome in failed] == [jobs[1]]
    assert "is not a JPEG" in str(failed[0].error)
    assert jobs[0].target.read_text() == "done before"
    jobs[0].target.unlink()
    check_done = [outcome.job for outcome in outcomes if not outcome.skipped and not outcome.error]
    check_whole(sorted(check_done, key=lambda job: job.source))


def test_a_result_that_came_since_is_not_written_again(tmp_path: Path) -> None:
    (job,) = photos(tmp_path, 1, 20)
    before = cluster._identity(job)
    assert cluster._attempt(job, before, DEFAULT, NEAREST, None).error is None
    check_whole([job])
    first = job.target.stat()
    assert cluster._attempt(job, before, DEFAULT, NEAREST, None).error is None
    assert job.target.stat() == first
    assert cluster._attempt(job, cluster._identity(job), DEFAULT, NEAREST, None).error is None  # to be replaced
    assert job.target.stat().st_ino != first.st_ino or job.target.stat().st_mtime_ns != first.st_mtime_ns


def test_without_a_cluster_or_ray(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = photos(tmp_path, 1, 20)
    with pytest.raises(ConnectionError, match=r"^there is no Ray cluster at 127\.0\.0\.1:1; start one with"):
        list(cluster.upscale_files(jobs, "127.0.0.1:1", model=NEAREST))
    with socket.create_server(("127.0.0.1", 0)) as server, monkeypatch.context() as patch:
        patch.setattr("ray.init", lambda **_: (_ for _ in ()).throw(RuntimeError("InvalidAuthToken:\n no token")))
        address = f"127.0.0.1:{server.getsockname()[1]}"
        reason = rf"^the Ray cluster at {address} does not take this machine: InvalidAuthToken: no token$"
        with pytest.raises(ConnectionError, match=reason):
            list(cluster.upscale_files(jobs, address, model=NEAREST))
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ImportError, match=r"^a cluster needs ray: pip install 'thinlens\[cluster\]'$"):
        list(cluster.upscale_files(jobs, model=NEAREST))


def test_workers_have_one_thread_and_the_caller_keeps_its_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    import ray

    for variable in ("HL_NUM_THREADS", "RAY_USAGE_STATS_ENABLED"):
        monkeypatch.delenv(variable, raising=False)
    seen: dict[str, Any] = {}

    def init(**options: Any) -> None:
        seen.update(options, usage=os.environ.get("RAY_USAGE_STATS_ENABLED"))

    monkeypatch.setattr(ray, "init", init)
    cluster.connect("local")
    assert seen["runtime_env"] == {"env_vars": {"HL_NUM_THREADS": "1"}}
    assert seen["usage"] == "0"
    assert "RAY_USAGE_STATS_ENABLED" not in os.environ
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "1")
    monkeypatch.setenv("HL_NUM_THREADS", "2")
    cluster.connect("local")
    assert seen["runtime_env"] == {"env_vars": {"HL_NUM_THREADS": "2"}}
    assert seen["usage"] == os.environ["RAY_USAGE_STATS_ENABLED"] == "1"


@pytest.mark.slow
def test_a_photo_that_kills_every_worker_is_given_up(tmp_path: Path) -> None:
    jobs = photos(tmp_path, 1, 20)
    (outcome,) = cluster.upscale_files(jobs, model=NEAREST, limit=Deadly())
    assert outcome.error == f"{jobs[0].source}: its worker was lost 4 times (WorkerCrashedError)"


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    save(NEAREST, folder / "nearest.safetensors")
    command = [sys.executable, "-m", "thinlens.cli", "upscale", "in", "-o", "out", "-m", "nearest.safetensors"]
    command += ["--cluster", "local", "--json", *arguments]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


def parents() -> dict[int, tuple[int, str]]:
    """Of every process its parent and its command."""
    found: dict[int, tuple[int, str]] = {}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            status = (path / "stat").read_text().rpartition(")")[2].split()
            found[int(path.name)] = int(status[1]), (path / "cmdline").read_text()
        except OSError:  # it has ended
            continue
    return found


def busy_workers(driver: int) -> list[int]:
    """The processes that work on a photo for the run, which Ray names by what they do."""
    processes = parents()

    def belongs(process: int) -> bool:
        while process in processes:
            if process == driver:
                return True
            process = processes[process][0]
        return False

    return [process for process, (_, name) in processes.items() if "ray::_attempt" in name and belongs(process)]


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="finds the workers in /proc")
def test_workers_that_are_killed_half_way(tmp_path: Path) -> None:
    jobs = photos(tmp_path, 120, 600)
    run = start(tmp_path)
    assert run.stdout is not None
    lines: list[dict[str, Any]] = []
    seen: dict[Path, tuple[int, int]] = {}
    killed = 0
    for line in run.stdout:
        lines.append(json.loads(line))
        for job in jobs:
            if job.target.exists():
                status = job.target.stat()
                seen.setdefault(job.target, (status.st_ino, status.st_mtime_ns))
        if len(lines) >= 20 * (killed + 1) and killed < 3 and (workers := busy_workers(run.pid)):
            os.kill(workers[0], signal.SIGKILL)
            killed += 1
    assert run.wait(60) == 0
    assert killed == 3
    *photos_done, last = lines
    assert sorted(line["photo"] for line in photos_done) == [f"in/{job.source.name}" for job in jobs]  # nothing twice
    assert (last["done"], last["failed"], last["skipped"]) == (len(jobs), 0, 0)
    check_whole(jobs)
    for target, (inode, modified) in seen.items():
        status = target.stat()
        assert (status.st_ino, status.st_mtime_ns) == (inode, modified), f"{target} was written twice"


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="finds the workers in /proc")
def test_a_killed_run_goes_on_where_it_stopped(tmp_path: Path) -> None:
    jobs = photos(tmp_path, 60, 600)
    run = start(tmp_path)
    assert run.stdout is not None
    for _ in range(20):
        assert json.loads(run.stdout.readline())["status"] == "done"
    workers = busy_workers(run.pid)
    run.kill()
    run.wait()
    end = time.monotonic() + 60
    while any("ray::" in parents().get(worker, (0, ""))[1] for worker in workers):  # they end when their driver does
        assert time.monotonic() < end
        time.sleep(0.1)
    there = {job.target: job.target.stat().st_mtime_ns for job in jobs if job.target.exists()}
    assert 20 <= len(there) < len(jobs)
    for target in there:
        assert read(target).pixels.shape == (1200, 1200)
    run = start(tmp_path, "--skip-existing")
    out, _ = run.communicate(timeout=120)
    last = json.loads(out.splitlines()[-1])
    assert (last["done"], last["skipped"], last["failed"]) == (len(jobs) - len(there), len(there), 0)
    check_whole(jobs)
    assert all(target.stat().st_mtime_ns == modified for target, modified in there.items())
