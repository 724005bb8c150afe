"""Texts with keywords where there is no place for them: as XMP and as EXIF's comment."""

from __future__ import annotations

from collections.abc import Iterable

from .exif import with_comment
from .iptc import DC
from .model import Text
from .xmp import EMPTY, array_property, parse, text_property

COMMENT, PARAMETERS = "Comment", "parameters"
"""The keywords of a comment, and of what some image generators write; alone they need no keyword in EXIF."""
XMP = "http://ns.adobe.com/xap/1.0/"
NAMESPACES = {"dc": DC, "xmp": XMP}
PROPERTIES = {
    "title": ("dc:title", "Alt"),
    "author": ("dc:creator", "Seq"),
    "description": ("dc:description", "Alt"),
    "copyright": ("dc:rights", "Alt"),
    "software": ("xmp:CreatorTool", ""),
}
"""The XMP property of the keywords that PNG [W3C2025] has and XMP too, in lower case."""


def as_xmp(texts: Iterable[Text], xmp: bytes | None) -> tuple[bytes | None, tuple[Text, ...]]:
    """XMP with the texts that it has a property for and does not have yet, and the other texts."""
    packet = EMPTY if xmp is None else parse(xmp)
    if packet is None:
        return xmp, tuple(texts)
    taken = {each.name for each in packet.properties}
    inner, others = b"", list[Text]()
    for text in texts:
        name, kind = PROPERTIES.get(text.key.lower(), ("", ""))
        if not name:
            others.append(text)
            continue
        prefix, local = name.split(":")
        full = f"{NAMESPACES[prefix]} {local}"
        if full not in taken and text.value:
            inner += array_property(name, kind, [text.value]) if kind else text_property(name, text.value)
            taken.add(full)
    return packet.added(inner, NAMESPACES) or None, tuple(others)


def as_exif(texts: Iterable[Text], exif: bytes | None) -> bytes | None:
    """EXIF with the texts as its comment, unless it has one: `keyword: value`, a line for each."""
    texts = [text for text in texts if text.value]
    if not texts:
        return exif
    if len(texts) == 1 and texts[0].key in (COMMENT, PARAMETERS):
        return with_comment(exif, texts[0].value)
    return with_comment(exif, "\n".join(f"{text.key}: {text.value}" for text in texts))
