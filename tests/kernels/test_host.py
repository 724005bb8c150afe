"""The processor at hand: as Halide says, without Halide."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import halide as hl
import pytest

from thinlens.kernels import host
from thinlens.pipelines.processor import CACHE, Processor

AVX2 = "sse4.1 avx f16c fma avx2"
SKYLAKE = f"{AVX2} avx512f avx512cd avx512vl avx512bw avx512dq"
ICE_LAKE = f"{SKYLAKE} avx512ifma avx512vbmi avx512vnni avx512bitalg avx512vbmi2 avx512vpopcntdq"
ZEN4 = f"{ICE_LAKE} avx512bf16"
HALIDE = "x86-64-linux-avx-avx2"
PROCESSORS = {
    "Core 2": ("linux", "x86_64", "sse4.1", "x86-64-linux-sse41"),
    "Zen 3": ("linux", "x86_64", AVX2, f"{HALIDE}-f16c-fma-sse41"),
    "Zen 3 on Windows": ("win32", "AMD64", AVX2, "x86-64-windows-avx-avx2-f16c-fma-sse41"),
    "Alder Lake": ("linux", "x86_64", f"{AVX2} avxvnni", f"{HALIDE}-avxvnni-f16c-fma-sse41"),
    "Skylake-X": ("linux", "x86_64", SKYLAKE, f"{HALIDE}-avx512-avx512_skylake-f16c-fma-sse41"),
    "Ice Lake": ("linux", "x86_64", ICE_LAKE, f"{HALIDE}-avx512-avx512_cannonlake-avx512_skylake-f16c-fma-sse41"),
    "Zen 4": (
        "linux",
        "x86_64",
        ZEN4,
        f"{HALIDE}-avx512-avx512_cannonlake-avx512_skylake-avx512_zen4-f16c-fma-sse41",
    ),
    "Sapphire Rapids": (
        "linux",
        "x86_64",
        f"{ZEN4} avxvnni avx512fp16",
        f"{HALIDE}-avx512-avx512_cannonlake-avx512_sapphirerapids-avx512_skylake-avxvnni-f16c-fma-sse41",
    ),
    "Cortex-A72": ("linux", "aarch64", "neon crc", "arm-64-linux"),
    "Cortex-A76": ("linux", "aarch64", "neon crc dotprod fullfp16", "arm-64-linux-arm_dot_prod"),
    "Apple M1": ("darwin", "arm64", "", "arm-64-osx-arm_dot_prod"),
}


def test_this_processor_is_the_one_that_halide_finds() -> None:
    found = str(hl.get_host_target()).split("-")  # it also says what to tune for, as tune_znver4
    assert host.processor_of().name == "-".join(part for part in found if not part.startswith("tune_"))


@pytest.mark.parametrize(("system", "machine", "features", "wanted"), PROCESSORS.values(), ids=PROCESSORS)
def test_processors(system: str, machine: str, features: str, wanted: str) -> None:
    found = host.target_string(system, machine, dict.fromkeys(features.split(), True) | {"sse4a": False})
    assert found == wanted == str(hl.Target(wanted))


@pytest.mark.parametrize(("system", "machine"), [("linux", "riscv64"), ("freebsd14", "amd64")])
def test_other_machines_are_asked_of_halide(system: str, machine: str) -> None:
    assert host.target_string(system, machine, {}) == ""


@pytest.mark.parametrize(
    ("size", "sharing", "siblings", "wanted"),
    [
        ("512K", "0", "0", 512),
        ("512K", "0,8", "0,8", 512),  # two threads of one core
        ("1024K", "0-3", "0", 256),  # four cores, as of a Cortex-A72
        ("many", "0", "0", 0),
    ],
)
def test_second_level_cache(size: str, sharing: str, siblings: str, wanted: int, tmp_path: Path) -> None:
    texts = {
        "topology/thread_siblings_list": siblings,
        "cache/index0/level": "1",
        "cache/index2/level": "2",
        "cache/index2/size": size,
        "cache/index2/shared_cpu_list": sharing,
    }
    for name, text in texts.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text + "\n")
    assert host.linux_cache(tmp_path) == wanted * 1024
    assert host.linux_cache(tmp_path / "none") == 0
    assert host.processor_of("arm-64-linux").cache == CACHE


def test_the_environment_names_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THINLENS_TARGET", "x86-64-linux-sse41")
    assert str(host.processor_of()) == "x86-64-linux-sse41: int8 in pairs of 16 bits (pmaddwd)"
    assert host.processor_of("arm-64-linux-arm_dot_prod").packing.size == 4
    monkeypatch.setenv("THINLENS_TARGET", "host")
    with pytest.raises(ValueError, match="^'host' is not a Halide target, as x86-64-linux-avx2-fma or arm-64-linux$"):
        host.processor_of()
    command = [sys.executable, "-m", "thinlens.cli", "upscale", "a.png"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2


def test_a_feature_that_this_processor_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Code for it would end the process at the first instruction that there is not."""
    monkeypatch.setattr(host, "_host", lambda: Processor("x86-64-linux-avx-sse41"))
    host.check_here(Processor("x86-64-linux-sse41-no_asserts"))
    sentence = "^a kernel for x86-64-linux-avx-avx2-fma does not run here: this processor has no avx2, fma$"
    with pytest.raises(ValueError, match=sentence):
        host.check_here(Processor("x86-64-linux-avx-avx2-fma"))
    monkeypatch.setattr(host, "_host", lambda: Processor("x86-64-linux-avx512_sapphirerapids"))
    host.check_here(Processor("x86-64-linux-avx512_zen4"))


def test_a_feature_that_there_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="^'x86-64-linux-mmx' is not a Halide target"):
        host.processor_of("x86-64-linux-mmx")
