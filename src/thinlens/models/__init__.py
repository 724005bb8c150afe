"""The released programs: trained by this project, carried by the package, one file per model and scale."""

from __future__ import annotations

from pathlib import Path

PRESETS = {
    "fast": "eSR-MAX_s{scale}_K3_C2",
    "balanced": "ECBSR_s{scale}_M2_C8",
    "fine": "ECBSR_s{scale}_M4_C8",
    "best": "ECBSR_s{scale}_M4_C16",
}
"""The published id behind each preset, from the quickest to the best."""
OTHERS = (
    "eSR-TR_s{scale}_K5_C4",
    "eSR-TR_s{scale}_K7_C4",
    "ESPCN_s{scale}_D16_S32",
    "FSRCNN_s{scale}_D56_S12_M4",
    "eSR-CNN_s{scale}_C8_D3_S9",
)
"""Released without the name of a preset: a preset is better in the same time."""
SCALES = (2, 3, 4)
"""How many times larger, along each side, the presets make a picture."""
ENHANCE = "enhance"
"""The program that chooses a color table for a photo."""


def names() -> list[str]:
    """The published ids of all released models, those of the presets first, each at all scales."""
    return [identifier.format(scale=scale) for identifier in (*PRESETS.values(), *OTHERS) for scale in SCALES]


def path(name: str, scale: int = 2) -> Path:
    """The program file of a preset at a scale, or of a released id, which says its scale itself.

    Raises ValueError, listing what there is, for any other name or scale.
    """
    if name in PRESETS:
        if scale not in SCALES:
            raise ValueError(f"{name} enlarges 2, 3 or 4 times, not {scale}")
        name = PRESETS[name].format(scale=scale)
    elif name not in (ENHANCE, *names()):
        known = ", ".join((*PRESETS, ENHANCE, *names()))
        raise ValueError(f"unknown model {name!r}; there are {known}, or give a program file")
    return Path(__file__).parent / f"{name}.safetensors"
