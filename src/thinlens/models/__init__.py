"""The released programs: trained by this project, carried by the package, one file per model, scale and source."""

from __future__ import annotations

import re
from difflib import get_close_matches
from pathlib import Path

FOLDER = Path(__file__).parent
PRESETS = {
    "fast": "eSR-MAX_s{scale}_K3_C2",
    "balanced": "ECBSR_s{scale}_M2_C8",
    "fine": "ECBSR_s{scale}_M4_C8",
    "best": "ECBSR_s{scale}_M4_C16",
}
"""The published id behind each preset, from the quickest to the best."""
CLEANERS = {
    "fast": "ECBSR_s1_M2_C8",
    "balanced": "ECBSR_s1_M2_C8",
    "fine": "ECBSR_s1_M2_C8",
    "best": "ECBSR_s1_M4_C16",
}
"""The id behind each preset at scale 1, for compressed sources only."""
TABLES = {"lut": {2: "LUT_s2_K5_C8", 3: "LUT_s3_K5_C16", 4: "LUT_s4_K7_C32"}}
"""Networks that are tables for 8-bit pictures, by name: at each scale the id of what wins there."""
OTHERS = (
    "eSR-TR_s{scale}_K5_C4",
    "eSR-TR_s{scale}_K7_C4",
    "ESPCN_s{scale}_D16_S32",
    "FSRCNN_s{scale}_D56_S12_M4",
    "eSR-CNN_s{scale}_C8_D3_S9",
)
"""Released without the name of a preset: a preset is better in the same time."""
NAMED = (*PRESETS, *TABLES)
"""All that a model can be called by without saying its scale."""
SCALES = (2, 3, 4)
"""How many times larger, along each side, the presets make a picture."""
CLEAN = "clean"
SOURCES = (CLEAN, "jpeg-high", "jpeg-medium", "jpeg-low", "h264")
"""What pictures have been through that weights were trained for: degrees of JPEG from the least harm to the most, then
films."""
ENHANCE = "enhance"
"""The program that chooses a color table for a photo."""


def names() -> list[str]:
    """The ids of all released models that make pictures larger, those of the presets first, each at all scales."""
    return [identifier(name, scale) for name in (*NAMED, *OTHERS) for scale in SCALES]


def identifier(name: str, scale: int) -> str:
    """The id behind a name, or that of a model of `OTHERS`, at a scale."""
    if name in TABLES:
        return TABLES[name][scale]
    return CLEANERS[name] if scale == 1 else PRESETS.get(name, name).format(scale=scale)


def spelled(name: str) -> str:
    """The name of a released model as it is spelled, if it differs in upper and lower case alone; else as it is."""
    return next((known for known in (*NAMED, *_ids()) if known.lower() == name.lower()), name)


def named(name: str) -> bool:
    """Whether it is one of `NAMED`, in whatever spelling."""
    return spelled(name) in NAMED


def at_scale(identifier: str, scale: int | None) -> str | None:
    """The released id that differs from another in the scale alone, if there is one."""
    other = re.sub(r"_s\d+_", f"_s{scale}_", identifier)
    return other if other in _ids() else None


def sources(name: str, scale: int = 2) -> tuple[str, ...]:
    """The sources that a preset at a scale, or a released id, has weights for; none if there is no such model."""
    name = spelled(name)
    if name in NAMED:
        if scale not in SCALES and not (scale == 1 and name in PRESETS):
            return ()
        name = identifier(name, scale)
    elif name not in _ids():
        return ()
    return tuple(source for source in SOURCES if _file(name, source).is_file())


def path(name: str, scale: int = 2, source: str = CLEAN) -> Path:
    """The program file of a preset at a scale, or of a released id, which says its scale itself, for a source.

    Raises ValueError, listing what there is, for any other name or scale, and for a source without weights.
    """
    check_source(source)
    name = spelled(name)
    if name in NAMED:
        if scale not in SCALES and not (scale == 1 and name in PRESETS and source != CLEAN):
            raise ValueError(f"{name} enlarges 2, 3 or 4 times, not {scale}")
        name = identifier(name, scale)
    elif name not in _ids():
        known = ", ".join((*NAMED, ENHANCE, *names()))
        meant = get_close_matches(name.lower(), [each.lower() for each in (*NAMED, *_ids())], 1)
        ask = f"; did you mean {spelled(meant[0])}?" if meant else ""
        raise ValueError(f"unknown model {name!r}{ask}; there are {known}, or give a program file")
    file = _file(name, source)
    if not file.is_file():
        there = ", ".join(sources(name)) or "no source"
        raise ValueError(f"{name} has no weights for the source {source}; it has them for {there}")
    return file


def check_source(source: str) -> None:
    """Raise ValueError, listing what there is, unless it is one of `SOURCES`."""
    if source not in SOURCES:
        raise ValueError(f"unknown source {source!r}; there are {', '.join(SOURCES)}, or auto where there is a picture")


def _ids() -> tuple[str, ...]:
    return (ENHANCE, *names(), *CLEANERS.values())


def _file(identifier: str, source: str) -> Path:
    return FOLDER / (f"{identifier}.safetensors" if source == CLEAN else f"{identifier}.{source}.safetensors")
