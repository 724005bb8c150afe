"""XMP packets [Adobe2012]: their properties read, changed, added and divided, all else left byte for byte."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import md5
from typing import NamedTuple
from xml.parsers.expat import ExpatError, ParserCreate
from xml.sax.saxutils import escape, quoteattr

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
NOTE = "http://ns.adobe.com/xmp/note/"
EXTENSION = f"{NOTE} HasExtendedXMP"
"""The property of a packet of which JPEG files hold a second part."""
_ATTRIBUTE = re.compile(rb"""\s+([\w.:-]+)\s*=\s*("[^"]*"|'[^']*')""")
_TAG_END = re.compile(rb"""[^>"']*(?:(?:"[^"]*"|'[^']*')[^>"']*)*>""")
_NOT_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_PADDING = re.compile(rb"\s+(?=<\?xpacket end)")


class Property(NamedTuple):
    """A property of the picture: namespace and name with a space between, where it is, and where its value."""

    name: str
    start: int
    end: int
    value: tuple[int, int]
    attribute: bool


@dataclass
class Description:
    """An `rdf:Description` of the picture: what it is about, and the namespaces that it knows by prefix."""

    about: bytes
    namespaces: dict[str, str]


@dataclass
class Packet:
    """A packet, parsed."""

    data: bytes
    properties: list[Property] = field(default_factory=list[Property])
    descriptions: list[Description] = field(default_factory=list[Description])
    rdf_end: int | None = None
    """Where the end tag of `rdf:RDF` is, if it has one."""

    def value(self, name: str) -> str | None:
        """The text of a simple property; None without it."""
        found = next((each for each in self.properties if each.name == name), None)
        return None if found is None else _plain(self.data[slice(*found.value)])

    def changed(self, changes: Mapping[str, str | None]) -> bytes:
        """With other values, or without some properties (None); properties that are not there are not added."""
        edits: list[tuple[int, int, bytes]] = []
        for each in self.properties:
            if each.name in changes:
                value = changes[each.name]
                if value is None:
                    edits.append((each.start, each.end, b""))
                else:
                    edits.append((*each.value, _escaped(value)))
        return _edited(self.data, edits)

    def added(self, inner: bytes, namespaces: Mapping[str, str]) -> bytes:
        """With further property elements, whose prefixes are these namespaces."""
        if not inner:
            return self.data
        if self.rdf_end is None:
            return _PACKET % (_description(inner, namespaces, b""))
        about = self.descriptions[0].about if self.descriptions else b""
        return _edited(self.data, [(self.rdf_end, self.rdf_end, _description(inner, namespaces, about))])

    def merged(self, other: Packet) -> bytes:
        """With the properties of another packet, which is how JPEG files have long ones; its own win."""
        known = {each.name for each in self.properties}
        inner = b"".join(b"%s" % other.element(each) for each in other.properties if each.name not in known)
        namespaces = {prefix: uri for each in other.descriptions for prefix, uri in each.namespaces.items()}
        return self.added(inner, namespaces)

    def element(self, each: Property) -> bytes:
        """A property as an element, whichever it was."""
        raw = self.data[each.start : each.end]
        if not each.attribute:
            return raw
        name = raw.split(b"=", 1)[0].strip()
        return b"<%s>%s</%s>" % (name, self.data[slice(*each.value)], name)

    def divided(self, limit: int) -> tuple[bytes, bytes] | None:
        """Two packets, of which the first has at most so many bytes and names the other; None if that cannot be."""
        compact = parse(_PADDING.sub(b"\n", self.data))
        if compact is None or compact.rdf_end is None:
            return None
        kept, moved = len(compact.data) + 300, list[Property]()
        for each in sorted(compact.properties, key=lambda one: one.start - one.end):
            if kept <= limit:
                break
            moved.append(each)
            kept -= each.end - each.start
        if kept > limit:
            return None
        moved.sort(key=lambda one: one.start)
        namespaces = {prefix: uri for each in compact.descriptions for prefix, uri in each.namespaces.items()}
        second = _PACKET % _description(b"".join(map(compact.element, moved)), namespaces, b"")
        first = parse(_edited(compact.data, [(each.start, each.end, b"") for each in moved]))
        if first is None:
            return None
        digest = md5(second, usedforsecurity=False).hexdigest().upper()
        named = b"<xmpNote:HasExtendedXMP>%s</xmpNote:HasExtendedXMP>" % digest.encode()
        return first.added(named, {"xmpNote": NOTE}), second


EMPTY = Packet(b"")


def parse(data: bytes) -> Packet | None:
    """A packet from its bytes, in whatever encoding; None if it is not well-formed."""
    data = _utf8(data)
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
        return None
    try:
        return _Parser(data).packet
    except (ExpatError, ValueError, UnicodeDecodeError):
        return None


class _Parser:
    """Expat says which element it is and where it begins; the rest is read off the bytes."""

    def __init__(self, data: bytes) -> None:
        self.packet = Packet(data)
        self._path: list[tuple[str, int, int]] = []  # names, and where first tags begin and end
        self._inside = 0  # how many elements within a property are open
        self._scopes: list[dict[str, str]] = [{}]
        self._declared: dict[str, str] = {}
        self._offset = len(data) - len(data.lstrip(b"\0\t\n\r "))
        self._parser = ParserCreate("utf-8", " ")
        self._parser.ordered_attributes = True
        self._parser.StartNamespaceDeclHandler = self._declare
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.Parse(data[self._offset :].rstrip(b"\0"), True)

    def _declare(self, prefix: str | None, uri: str | None) -> None:
        self._declared[prefix or ""] = uri or ""

    def _here(self) -> int:
        return self._parser.CurrentByteIndex + self._offset

    def _tag_end(self, start: int) -> int:
        found = _TAG_END.match(self.packet.data, start)
        if found is None:
            raise ValueError("a tag without an end")
        return found.end()

    def _is_property(self) -> bool:
        """Whether the last element of the path is one."""
        return [each[0] for each in self._path[-3:-1]] == [f"{RDF} RDF", f"{RDF} Description"]

    def _start(self, name: str, attributes: list[str]) -> None:
        if self._inside or self._is_property():
            self._inside += 1
            return
        start = self._here()
        end = self._tag_end(start)
        self._scopes.append({**self._scopes[-1], **self._declared})
        self._declared = {}
        if name == f"{RDF} Description" and self._path and self._path[-1][0] == f"{RDF} RDF":
            self._description(start, end, attributes)
        self._path.append((name, start, end))

    def _description(self, start: int, end: int, attributes: list[str]) -> None:
        tag = self.packet.data[start:end]
        found = [each for each in _ATTRIBUTE.finditer(tag) if not each[1].startswith(b"xmlns")]
        about = b""
        for each, name in zip(found, attributes[::2], strict=True):
            if name == f"{RDF} about":
                about = each[2][1:-1]
            elif " " in name and not name.startswith((RDF, "http://www.w3.org/XML/")):
                value = start + each.start(2) + 1, start + each.end(2) - 1
                self.packet.properties.append(Property(name, start + each.start(), start + each.end(), value, True))
        namespaces = {prefix: uri for prefix, uri in self._scopes[-1].items() if prefix}
        self.packet.descriptions.append(Description(about, namespaces))

    def _end(self, name: str) -> None:
        if self._inside:
            self._inside -= 1
            return
        here, is_property = self._here(), self._is_property()
        _, start, first = self._path.pop()
        self._scopes.pop()
        if is_property:
            end = first if here == start else self._tag_end(here)
            self.packet.properties.append(Property(name, start, end, (first, max(first, here)), False))
        elif name == f"{RDF} RDF" and here != start:
            self.packet.rdf_end = here


def text_property(name: str, value: str) -> bytes:
    """A property whose value is one text; `name` has a prefix."""
    return b"<%s>%s</%s>" % (name.encode(), _escaped(value), name.encode())


def array_property(name: str, kind: str, values: Iterable[str]) -> bytes:
    """A property of several values, in a `Bag` or `Seq`, or in one language after the other, `Alt`, which has one."""
    language = b' xml:lang="x-default"' if kind == "Alt" else b""
    items = b"".join(b"<rdf:li%s>%s</rdf:li>" % (language, _escaped(value)) for value in values)
    return b"<%s><rdf:%s>%s</rdf:%s></%s>" % (name.encode(), kind.encode(), items, kind.encode(), name.encode())


_PACKET = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
    f'<rdf:RDF xmlns:rdf="{RDF}">%s</rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
).encode()


def _description(inner: bytes, namespaces: Mapping[str, str], about: bytes) -> bytes:
    declared = "".join(f" xmlns:{prefix}={quoteattr(uri)}" for prefix, uri in {**namespaces, "rdf": RDF}.items())
    return b'<rdf:Description rdf:about="%s"%s>%s</rdf:Description>' % (about, declared.encode(), inner)


def _escaped(text: str) -> bytes:
    """Text as XML has it, in elements and attributes, without the characters that XML has not at all."""
    allowed = _NOT_XML.sub("", text)
    return escape(allowed, {'"': "&quot;", "'": "&apos;"}).encode()


def _edited(data: bytes, edits: list[tuple[int, int, bytes]]) -> bytes:
    for start, end, replacement in sorted(edits, reverse=True):
        data = data[:start] + replacement + data[end:]
    return data


def _plain(value: bytes) -> str:
    text = value.decode()
    for code, character in (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&apos;", "'"), ("&amp;", "&")):
        text = text.replace(code, character)
    return text.strip()


def _utf8(data: bytes) -> bytes:
    """Packets may be in UTF-16, with a byte order mark or without."""
    for start, name in ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"), (b"<\0", "utf-16-le"), (b"\0<", "utf-16-be")):
        if data.startswith(start):
            return data.decode(name, "replace").encode()
    return data.removeprefix(b"\xef\xbb\xbf")
