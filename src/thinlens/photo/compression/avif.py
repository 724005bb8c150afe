"""How hard an AVIF file was compressed: the base index of its quantizers, from the headers of its AV1 frame.

Only what stands before that index is read, and only of stills as encoders write them: one shown key frame, tiles of one
size, no model of a decoder. [DeRivaz2019] has the fields, by the names in the comments.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO

LARGEST_META, HEADERS = 2**20, 4096
"""Bytes of the index of a file that are looked at, and of its places and the headers of its frame."""
SEQUENCE, FRAME_HEADER, FRAME = 1, 3, 6
"""Kinds of open bitstream units."""
SELECT = 2
"""Decided in the frame."""


def base_index(file: BinaryIO) -> int | None:
    """The index, 0 (lossless) to 255, that the picture of an AVIF file was quantized with; None if it is not found."""
    try:
        start = _item(file)
        if start is None:
            return None
        file.seek(start)
        return _of_units(file.read(HEADERS))
    except (IndexError, ValueError):  # damaged, or headers of another kind
        return None


def _item(file: BinaryIO) -> int | None:
    """Where the data of the primary item begin, by the boxes `pitm` and `iloc` of `meta`."""
    while len(head := file.read(8)) == 8:
        size = int.from_bytes(head[:4], "big")
        if head[4:] == b"meta":
            return _located(file.read(min(size, LARGEST_META) - 8)[4:])
        if size < 8:
            return None
        file.seek(size - 8, 1)
    return None


def _located(meta: bytes) -> int | None:
    boxes: dict[bytes, bytes] = {}
    while len(meta) > 8:
        size = int.from_bytes(meta[:4], "big")
        if size < 8:
            return None
        boxes.setdefault(meta[4:8], meta[8:size])
        meta = meta[size:]
    pitm, bits = boxes.get(b"pitm", b""), _Bits(boxes.get(b"iloc", b"")[:HEADERS])
    primary = int.from_bytes(pitm[4:8] if pitm[:1] == b"\1" else pitm[4:6], "big")
    version = bits.number(8)
    bits.number(24)
    offset_size, length_size, base_size, index_size = (8 * bits.number(4) for _ in range(4))
    if not offset_size:
        return None
    wide = 32 if version == 2 else 16
    for _ in range(bits.number(wide)):
        item = bits.number(wide)
        in_file = bits.number(16) & 15 == 0 if version else True
        bits.number(16)
        base = bits.number(base_size)
        starts: list[int] = []
        for _ in range(bits.number(16)):
            bits.number(index_size if version else 0)
            starts.append(base + bits.number(offset_size))
            bits.number(length_size)
        if item == primary:
            return starts[0] if in_file and starts else None
    return None


def _of_units(data: bytes) -> int | None:
    sequence: _Sequence | None = None
    while data:
        kind, extended, sized = data[0] >> 3 & 15, data[0] >> 2 & 1, data[0] >> 1 & 1
        start, size = 1 + extended, 0
        if sized:  # leb128
            for place in range(8):
                byte = data[start]
                start += 1
                size |= (byte & 127) << 7 * place
                if not byte & 128:
                    break
        else:
            size = len(data) - start
        unit, data = data[start : start + size], data[start + size :]
        if kind == SEQUENCE:
            sequence = _sequence(_Bits(unit))
        elif kind in (FRAME, FRAME_HEADER) and sequence is not None:
            return _of_frame(_Bits(unit), sequence)
    return None


@dataclass(frozen=True)
class _Sequence:
    """What a frame header cannot be read without."""

    reduced: bool
    width_bits: int
    height_bits: int
    width: int
    height: int
    id_bits: int
    large_blocks: bool
    screen_tools: int
    integer_motion: int
    order_bits: int
    super_resolution: bool


def _sequence(bits: _Bits) -> _Sequence:
    bits.number(3 + 1)  # seq_profile, still_picture
    reduced = bits.flag()
    if reduced:
        bits.number(5)  # seq_level_idx
    else:
        if bits.flag():
            raise ValueError("timing_info")
        delay = bits.flag()  # initial_display_delay_present_flag
        for _ in range(bits.number(5) + 1):
            bits.number(12)  # operating_point_idc
            if bits.number(5) > 7:
                bits.number(1)  # seq_tier
            if delay and bits.flag():
                bits.number(4)
    width_bits, height_bits = bits.number(4) + 1, bits.number(4) + 1
    width, height = bits.number(width_bits) + 1, bits.number(height_bits) + 1
    id_bits = 0
    if not reduced and bits.flag():  # frame_id_numbers_present_flag
        id_bits = bits.number(4) + 2 + bits.number(3) + 1
    large_blocks = bits.flag()
    bits.number(2)  # enable_filter_intra, enable_intra_edge_filter
    screen_tools = integer_motion = SELECT
    order_bits = 0
    if not reduced:
        bits.number(4)  # enable_interintra_compound, enable_masked_compound, enable_warped_motion, enable_dual_filter
        ordered = bits.flag()
        if ordered:
            bits.number(2)  # enable_jnt_comp, enable_ref_frame_mvs
        screen_tools = SELECT if bits.flag() else bits.number(1)
        if screen_tools:
            integer_motion = SELECT if bits.flag() else bits.number(1)
        order_bits = bits.number(3) + 1 if ordered else 0
    return _Sequence(
        *(reduced, width_bits, height_bits, width, height, id_bits, large_blocks, screen_tools, integer_motion),
        *(order_bits, bits.flag()),
    )


def _of_frame(bits: _Bits, sequence: _Sequence) -> int:
    if not sequence.reduced and bits.number(4) != 0b0001:  # show_existing_frame, frame_type, show_frame
        raise ValueError("not a shown key frame")
    fixed = bits.flag()  # disable_cdf_update
    screen_tools = bits.flag() if sequence.screen_tools == SELECT else bool(sequence.screen_tools)
    if screen_tools and sequence.integer_motion == SELECT:
        bits.number(1)  # force_integer_mv
    bits.number(sequence.id_bits)  # current_frame_id
    own_size = not sequence.reduced and bits.flag()  # frame_size_override_flag
    bits.number(sequence.order_bits)  # order_hint
    width, height = sequence.width, sequence.height
    if own_size:
        width, height = bits.number(sequence.width_bits) + 1, bits.number(sequence.height_bits) + 1
    if sequence.super_resolution and bits.flag():
        raise ValueError("use_superres")
    if bits.flag():  # render_and_frame_size_different
        bits.number(32)
    if screen_tools:
        bits.number(1)  # allow_intrabc
    if not (sequence.reduced or fixed):
        bits.number(1)  # disable_frame_end_update_cdf
    _tiles(bits, width, height, 7 if sequence.large_blocks else 6)
    return bits.number(8)  # base_q_idx


def _tiles(bits: _Bits, width: int, height: int, block: int) -> None:
    """tile_info, for blocks of 2**block pixels a side."""
    columns, rows = (-(-size // (1 << block)) for size in (width, height))
    fewest_columns = _log2(4096 >> block, columns)
    fewest = max(fewest_columns, _log2(4096 * 2304 >> 2 * block, rows * columns))
    if not bits.flag():
        raise ValueError("tiles of different sizes")
    across = bits.unary(_log2(1, min(columns, 64)) - fewest_columns) + fewest_columns
    fewest_rows = max(fewest - across, 0)
    down = bits.unary(_log2(1, min(rows, 64)) - fewest_rows) + fewest_rows
    if across or down:
        bits.number(across + down + 2)  # context_update_tile_id, tile_size_bytes


def _log2(block: int, target: int) -> int:
    """The smallest k with block · 2**k at least target."""
    k = 0
    while block << k < target:
        k += 1
    return k


class _Bits:
    """Numbers of so many bits, the highest first; IndexError at the end."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def number(self, count: int) -> int:
        result = 0
        for at in range(self._at, self._at + count):
            result = 2 * result + (self._data[at >> 3] >> 7 - (at & 7) & 1)
        self._at += count
        return result

    def flag(self) -> bool:
        return bool(self.number(1))

    def unary(self, most: int) -> int:
        """How many ones there are before a zero, at most so many."""
        count = 0
        while count < most and self.flag():
            count += 1
        return count
