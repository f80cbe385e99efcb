r"""Halves of surrogate pairs in JSON text, which JavaScript writes and strict decoders refuse.

A recorded text node may end in the middle of an emoji; JSON.stringify then writes an escape such as
`\ud83d` alone. To decode around it without changing it, the half is replaced by an escape of equal length
that does not occur in the text (U+E83D with a capital E, of the private use area), and restored in each event.
"""

from __future__ import annotations

import re

_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u[dD](?P<half>[89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)
_HIDDEN = re.compile(rb"\\(?:uE(?P<half>[89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL)


def hide_lone_surrogates(text: bytes) -> bytes:
    """Returns `text` with its halves hidden; `text` itself if it has no halves, or no safe replacement exists."""
    if (b"\\ud" not in text and b"\\uD" not in text) or any(found["half"] for found in _HIDDEN.finditer(text)):
        return text
    return _ESCAPE.sub(lambda found: b"\\uE" + found["half"] if found["half"] else found[0], text)


def show_lone_surrogates(text: bytes) -> bytes:
    """Returns `text` with the halves that `hide_lone_surrogates` hid."""
    return _HIDDEN.sub(lambda found: b"\\ud" + found["half"] if found["half"] else found[0], text)
