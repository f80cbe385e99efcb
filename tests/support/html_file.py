"""An exported HTML file as tests read it."""

from __future__ import annotations

import base64
import gzip
import json
from html.parser import HTMLParser
from typing import Any


class HtmlFile(HTMLParser):
    """A file, read as a browser does.

    Attributes:
        title: The document's title.
        parts: Kind, attributes and payload of each part.
        scripts: Number of scripts that a browser would run.
    """

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self.title = ""
        self.parts: list[tuple[str, dict[str, str | None], bytes]] = []
        self.scripts = 0
        self._attributes: dict[str, str | None] = {}
        self._text = ""
        self.feed(data.decode())
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._attributes, self._text = dict(attrs), ""
        self.scripts += tag == "script" and "type" not in self._attributes

    def handle_data(self, data: str) -> None:
        self._text += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "title":
            self.title = self._text
        if tag == "script" and (kind := self._attributes.get("data-part")):
            self.parts.append((kind, self._attributes, base64.b64decode(self._text)))

    def of(self, kind: str) -> list[Any]:
        """Returns the content of the parts of a kind."""
        return [json.loads(gzip.decompress(payload)) for found, _, payload in self.parts if found == kind]

    @property
    def session(self) -> dict[str, Any]:
        (session,) = self.of("session")
        return session

    def chunks(self, window: str) -> list[tuple[dict[str, str | None], bytes]]:
        """Returns the attributes and payloads of a window's chunks."""
        chunks = [(attributes, payload) for kind, attributes, payload in self.parts if kind == "chunk"]
        return [chunk for chunk in chunks if chunk[0]["data-window"] == window]
