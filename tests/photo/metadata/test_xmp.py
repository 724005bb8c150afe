"""XMP: changed where it must be, long packets in JPEG files, and what is said of videos that are gone."""

from __future__ import annotations

import struct
from hashlib import md5
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from containers import NEAREST, PIXELS, TARGETS, jpeg, segments, with_segments, xmp_of
from thinlens import run
from thinlens.photo import Metadata, Photo, read, write
from thinlens.photo.metadata import picture, xmp

HEAD, EXTENSION = b"http://ns.adobe.com/xap/1.0/\0", b"http://ns.adobe.com/xmp/extension/\0"
TIFF, EXIF = "{http://ns.adobe.com/tiff/1.0/}", "{http://ns.adobe.com/exif/1.0/}"
PANORAMA = "{http://ns.google.com/photos/1.0/panorama/}"
CAMERA, CONTAINER = "{http://ns.google.com/photos/1.0/camera/}", "{http://ns.google.com/photos/1.0/container/}"
DEPTH, DC = "{http://ns.google.com/photos/1.0/depthmap/}", "{http://purl.org/dc/elements/1.1/}"
PREFIXES = {
    "tiff": TIFF,
    "exif": EXIF,
    "GPano": PANORAMA,
    "GCamera": CAMERA,
    "Container": CONTAINER,
    "Item": "{http://ns.google.com/photos/1.0/container/item/}",
    "GDepth": DEPTH,
    "dc": DC,
    "hdrgm": "{http://ns.adobe.com/hdr-gain-map/1.0/}",
    "xmp": "{http://ns.adobe.com/xap/1.0/}",
    "xmpNote": "{http://ns.adobe.com/xmp/note/}",
}
MEDIA = {".jpg": "jpeg", ".png": "png", ".tif": "tiff", ".webp": "webp", ".avif": "avif"}
RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"


def packet(attributes: str = "", inner: str = "") -> bytes:
    declared = " ".join(f'xmlns:{prefix}="{uri[1:-1]}"' for prefix, uri in PREFIXES.items())
    return (
        f'<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        f'<rdf:RDF xmlns:rdf="{RDF[1:-1]}"><rdf:Description rdf:about="" {declared} {attributes}>{inner}'
        "</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end='w'?>"
    ).encode()


def said(data: bytes) -> dict[str, str]:
    """The properties of a packet and their text, by another parser."""
    found: dict[str, str] = {}
    for description in ElementTree.fromstring(data).iter(f"{RDF}Description"):
        found |= {name: value for name, value in description.items() if not name.startswith(RDF)}
        found |= {each.tag: "".join(each.itertext()).strip() for each in description}
    return found


def upscaled(tmp_path: Path, data: bytes, suffix: str = ".jpg", orientation: int = 1, *more: tuple[int, bytes]) -> Path:
    exif = Image.Exif()
    exif[0x0112] = orientation
    low, high = tmp_path / "low.jpg", tmp_path / f"high{suffix}"
    low.write_bytes(with_segments(jpeg(exif=exif), (0xE1, HEAD + data), *more))
    run.upscale_file(low, high, model=NEAREST)
    return high


@pytest.mark.parametrize("form", ["attributes", "elements"])
@pytest.mark.parametrize("target", TARGETS)
def test_orientation_and_size_are_those_of_the_result(tmp_path: Path, form: str, target: str) -> None:
    values = {"tiff:Orientation": "6", "exif:PixelXDimension": "20", "exif:PixelYDimension": "12"}
    values |= {"tiff:ImageWidth": "20", "tiff:ImageLength": "12", "dc:format": "image/jpeg"}
    if form == "attributes":
        data = packet(" ".join(f"{name}='{value}'" for name, value in values.items()))
    else:
        data = packet("", "".join(f"<{name}>\n{value} </{name}>" for name, value in values.items()))
    found = said(xmp_of(upscaled(tmp_path, data, target, 6)))
    assert found == {
        f"{TIFF}Orientation": "1",
        f"{EXIF}PixelXDimension": "24",
        f"{EXIF}PixelYDimension": "40",
        f"{TIFF}ImageWidth": "24",
        f"{TIFF}ImageLength": "40",
        f"{DC}format": f"image/{MEDIA[target]}",
    }


def panorama(**values: int | str) -> bytes:
    return packet(" ".join(f'GPano:{name}="{value}"' for name, value in values.items()))


WHOLE = {"FullPanoWidthPixels": 20, "FullPanoHeightPixels": 12, "CroppedAreaImageWidthPixels": 20}
WHOLE |= {"CroppedAreaImageHeightPixels": 12, "CroppedAreaLeftPixels": 0, "CroppedAreaTopPixels": 0}
PART = {"FullPanoWidthPixels": 81, "FullPanoHeightPixels": 41, "CroppedAreaImageWidthPixels": 20}
PART |= {"CroppedAreaImageHeightPixels": 12, "CroppedAreaLeftPixels": 30, "CroppedAreaTopPixels": 29}


def test_panoramas_are_as_large_as_their_result(tmp_path: Path) -> None:
    found = said(xmp_of(upscaled(tmp_path, panorama(ProjectionType="equirectangular", **WHOLE))))
    assert found.pop(f"{PANORAMA}ProjectionType") == "equirectangular"
    assert found == {f"{PANORAMA}{name}": str(2 * value) for name, value in WHOLE.items()}
    found = said(xmp_of(upscaled(tmp_path, panorama(**PART))))
    assert found == {f"{PANORAMA}{name}": str(2 * value) for name, value in PART.items()}


@pytest.mark.parametrize("size", [(20, 12), (37, 22), (7, 5), (2000, 1111)])
def test_the_part_of_a_panorama_never_ends_beyond_it(size: tuple[int, int]) -> None:
    found = said(picture.of_result(panorama(**PART), size, ""))
    values = {name.removeprefix(PANORAMA): int(value) for name, value in found.items()}
    assert (values["CroppedAreaImageWidthPixels"], values["CroppedAreaImageHeightPixels"]) == size
    assert values["CroppedAreaLeftPixels"] + size[0] <= values["FullPanoWidthPixels"]
    assert values["CroppedAreaTopPixels"] + size[1] <= values["FullPanoHeightPixels"]
    assert values["FullPanoWidthPixels"] / size[0] == pytest.approx(81 / 20, rel=0.1)


def test_panoramas_that_are_turned_or_unclear_are_none(tmp_path: Path) -> None:
    assert said(xmp_of(upscaled(tmp_path, panorama(**WHOLE), ".jpg", 6))) == {}
    assert said(picture.of_result(panorama(**{**WHOLE, "CroppedAreaImageWidthPixels": "x"}), (40, 24), "")) == {}


def test_the_video_of_a_motion_photo_is_not_pointed_to(tmp_path: Path) -> None:
    inner = (
        "<Container:Directory><rdf:Seq><rdf:li rdf:parseType='Resource'><Container:Item Item:Mime='image/jpeg' "
        "Item:Semantic='Primary'/></rdf:li><rdf:li rdf:parseType='Resource'><Container:Item Item:Mime='video/mp4' "
        "Item:Semantic='MotionPhoto' Item:Length='4000'/></rdf:li></rdf:Seq></Container:Directory>"
        "<dc:creator><rdf:Seq><rdf:li>Ada</rdf:li></rdf:Seq></dc:creator><xmp:Thumbnails><rdf:Alt/></xmp:Thumbnails>"
    )
    attributes = (
        'GCamera:MotionPhoto="1" GCamera:MotionPhotoVersion="1" GCamera:MotionPhotoPresentationTimestampUs="500000" '
        'GCamera:MicroVideo="1" GCamera:MicroVideoOffset="4000" GCamera:SpecialTypeID="x" hdrgm:Version="1.0"'
    )
    high = upscaled(tmp_path, packet(attributes, inner))
    assert said(xmp_of(high)) == {f"{CAMERA}SpecialTypeID": "x", f"{DC}creator": "Ada"}
    assert b"Container:Item" not in xmp_of(high)


def extended(data: bytes, shuffled: bool = False) -> tuple[bytes, list[tuple[int, bytes]]]:
    """The digest of a long packet and its segments, as cameras write them."""
    digest = md5(data).hexdigest().upper().encode()
    pieces = [(at, data[at : at + 60_000]) for at in range(0, len(data), 60_000)]
    return digest, [
        (0xE1, EXTENSION + digest + struct.pack(">II", len(data), at) + piece)
        for at, piece in (reversed(pieces) if shuffled else pieces)
    ]


@pytest.mark.parametrize("shuffled", [False, True])
@pytest.mark.parametrize("target", TARGETS)
def test_long_packets_stay(tmp_path: Path, target: str, shuffled: bool) -> None:
    depth = "".join(np.random.default_rng(0).choice(list("ABCDEFGH"), 150_000))
    digest, parts = extended(packet(f'GDepth:Data="{depth}"', "<dc:format>image/jpeg</dc:format>"), shuffled)
    data = packet(
        f'xmpNote:HasExtendedXMP="{digest.decode()}" GDepth:Near="1.5"', "<dc:source>here &amp; now</dc:source>"
    )
    high = upscaled(tmp_path, data, target, 1, *parts)
    expected = {
        f"{DEPTH}Data": depth,
        f"{DEPTH}Near": "1.5",
        f"{DC}format": f"image/{MEDIA[target]}",
        f"{DC}source": "here & now",
    }
    if target != ".jpg":
        assert said(xmp_of(high)) == expected
        return
    packets = [content for marker, content in segments(high) if marker == 0xE1]
    first = next(content for content in packets if content.startswith(HEAD)).removeprefix(HEAD)
    found = said(first)
    digest = found.pop(PREFIXES["xmpNote"] + "HasExtendedXMP").encode()
    head = EXTENSION + digest
    rest = [content.removeprefix(head) for content in packets if content.startswith(head)]
    second = b"".join(content[8:] for content in rest)
    assert md5(second).hexdigest().upper().encode() == digest
    assert all(
        content[len(head) : len(head) + 4] == struct.pack(">I", len(second))
        for content in packets
        if content.startswith(head)
    )
    assert found | said(second) == expected
    assert read(high).metadata.xmp is not None


def test_parts_of_another_packet_are_left_out(tmp_path: Path) -> None:
    _, parts = extended(packet('GDepth:Data="A"'))
    high = upscaled(tmp_path, packet('xmpNote:HasExtendedXMP="0123" dc:source="here"'), ".png", 1, *parts)
    assert said(xmp_of(high)) == {f"{DC}source": "here"}


def test_a_long_packet_without_properties_to_move_is_left_out_of_a_jpeg(tmp_path: Path) -> None:
    write(Photo(PIXELS, metadata=Metadata(xmp=b"x" * 70_000)), tmp_path / "photo.jpg")
    assert read(tmp_path / "photo.jpg").metadata == Metadata()


@pytest.mark.parametrize("coding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_all_encodings(coding: str) -> None:
    data = packet('tiff:Orientation="6" dc:source="Köln"').decode().removeprefix("\ufeff").encode(coding)
    assert said(picture.turned(data)) == {f"{TIFF}Orientation": "1", f"{DC}source": "Köln"}


def test_what_is_no_xml_stays_what_it_is() -> None:
    for data in (
        b"",
        b"<a",
        packet()[:-60],
        b"<!DOCTYPE a [<!ENTITY b 'c'>]>" + packet('tiff:Orientation="6"'),
        b"\xff<a/>",
    ):
        assert xmp.parse(data) is None
        assert picture.turned(data) == data


def test_changes_touch_nothing_else() -> None:
    data = packet(
        'tiff:Orientation="6"   dc:source="a &amp; b"', "<!-- tiff:Orientation=6 --><dc:format >x</dc:format >\n "
    )
    parsed = xmp.parse(data)
    assert parsed is not None
    changed = parsed.changed({"http://ns.adobe.com/tiff/1.0/ Orientation": "1"})
    assert changed == data.replace(b'tiff:Orientation="6"', b'tiff:Orientation="1"')
    assert parsed.value("http://purl.org/dc/elements/1.1/ source") == "a & b"
    added = parsed.added(xmp.text_property("dc:title", 'x < "y"\x00'), {"dc": DC[1:-1]})
    assert said(added)[f"{DC}title"] == 'x < "y"'
