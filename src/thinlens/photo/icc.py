"""ICC profiles made of what a file says of its colors by numbers: primaries, white and a transfer curve.

A profile of version 4 with a matrix and a parametric curve [ICC2022]; code points of primaries and transfer functions
are those of ITU-T H.273 [ITU2021].
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np

XY = tuple[float, float]
D50 = (0.9642, 1.0, 0.8249)
D65: XY = (0.3127, 0.3290)
BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
SRGB_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)


@dataclass(frozen=True)
class Primaries:
    """Chromaticities (x, y) of red, green, blue and white."""

    red: XY
    green: XY
    blue: XY
    white: XY = D65

    def near(self, other: Primaries) -> bool:
        """Whether all are as near as the rounding of file formats."""
        mine, others = (np.array([each.red, each.green, each.blue, each.white]) for each in (self, other))
        return bool(np.abs(mine - others).max() < 1e-3)


BT709 = Primaries((0.64, 0.33), (0.30, 0.60), (0.15, 0.06))
CODED = {
    1: BT709,
    4: Primaries((0.67, 0.33), (0.21, 0.71), (0.14, 0.08), (0.310, 0.316)),
    5: Primaries((0.64, 0.33), (0.29, 0.60), (0.15, 0.06)),
    6: Primaries((0.630, 0.340), (0.310, 0.595), (0.155, 0.070)),
    7: Primaries((0.630, 0.340), (0.310, 0.595), (0.155, 0.070)),
    9: Primaries((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),
    11: Primaries((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), (0.314, 0.351)),
    12: Primaries((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
}
"""Primaries by their code points."""
Curve = tuple[float, ...]
"""Of a parametric curve: gamma alone, or gamma, a, b, c and d of its function type 3."""
ON_SCREENS = (1, 6, 13, 14, 15)
CURVES: dict[int, Curve] = {4: (2.2,), 5: (2.8,), 8: (1.0,), 17: (2.6,), **dict.fromkeys(ON_SCREENS, SRGB_CURVE)}
"""Transfer functions by their code points; those of video on a screen are taken for sRGB's."""
HDR = {16: "PQ", 18: "HLG"}
"""Transfer functions of pictures with a high dynamic range."""


def profile(primaries: Primaries, curve: Curve, name: str) -> bytes:
    """The bytes of a display profile for RGB."""
    columns = _to_d50(primaries)
    shape = struct.pack(">4sIHH", b"para", 0, 0 if len(curve) == 1 else 3, 0) + b"".join(map(_fixed, curve))
    text = name.encode("utf-16-be")
    tags = {b"desc": _text(text), b"cprt": _text("No copyright".encode("utf-16-be")), b"wtpt": _xyz(D50)}
    for letter, column in zip("rgb", columns.T, strict=True):
        tags[f"{letter}XYZ".encode()] = _xyz(tuple(column))
        tags[f"{letter}TRC".encode()] = shape
    return _assembled(tags)


def gray_profile(curve: Curve, name: str) -> bytes:
    """The same for gray pictures."""
    shape = struct.pack(">4sIHH", b"para", 0, 0 if len(curve) == 1 else 3, 0) + b"".join(map(_fixed, curve))
    tags = {b"desc": _text(name.encode("utf-16-be")), b"cprt": _text("No copyright".encode("utf-16-be"))}
    return _assembled(tags | {b"wtpt": _xyz(D50), b"kTRC": shape}, b"GRAY")


def _to_d50(primaries: Primaries) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """`(3, 3)`: XYZ of red, green and blue in its columns, adapted to D50."""
    each = np.array([_upright(xy) for xy in (primaries.red, primaries.green, primaries.blue)]).T
    white = np.array(_upright(primaries.white))
    scaled = each * np.linalg.solve(each, white)
    gain = (BRADFORD @ np.array(D50)) / (BRADFORD @ white)
    return np.linalg.inv(BRADFORD) @ (gain[:, None] * (BRADFORD @ scaled))


def _upright(xy: XY) -> tuple[float, float, float]:
    x, y = xy
    return x / y, 1.0, (1 - x - y) / y


def _fixed(value: float) -> bytes:
    """A signed number with 16 bits of fraction."""
    return struct.pack(">i", round(value * 65536))


def _xyz(values: tuple[float, ...]) -> bytes:
    return b"XYZ " + bytes(4) + b"".join(map(_fixed, values))


def _text(text: bytes) -> bytes:
    """A text in one language."""
    return struct.pack(">4sIII2s2sII", b"mluc", 0, 1, 12, b"en", b"US", len(text), 28) + text


def _assembled(tags: dict[bytes, bytes], space: bytes = b"RGB ") -> bytes:
    table, body, at = b"", b"", 132 + 12 * len(tags)
    for tag, content in tags.items():
        padded = content + bytes(-len(content) % 4)
        table += struct.pack(">4sII", tag, at + len(body), len(content))
        body += padded
    size = at + len(body)
    head = struct.pack(">I4sI4s4s4s", size, bytes(4), 0x04300000, b"mntr", space, b"XYZ ")
    head += struct.pack(">6H4s4sI4s4sQI", 2026, 1, 1, 0, 0, 0, b"acsp", bytes(4), 0, bytes(4), bytes(4), 0, 0)
    head += b"".join(map(_fixed, D50))
    return head + bytes(128 - len(head)) + struct.pack(">I", len(tags)) + table + body
