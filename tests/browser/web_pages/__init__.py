"""Small web pages of every kind, to be recorded and replayed."""

from __future__ import annotations

from .contents import CONTENTS
from .drawings import DRAWINGS
from .forms import FORMS
from .page import Difference, WebPage
from .sheets import SHEETS
from .stages import STAGES
from .windows import WINDOWS

PAGES: dict[str, WebPage] = {**FORMS, **CONTENTS, **WINDOWS, **SHEETS, **DRAWINGS, **STAGES}

SAMPLE = (
    # Forms
    "text-fields",
    "checkbox-neither",
    "fields-of-all-types",
    "editable",
    # Contents
    "moved-between-parents",
    "inlined-pictures",
    "quirks-mode",
    "clicks-that-change",
    # Windows, and roots within a page
    "frame-that-navigates",
    "next-page-and-back",
    "frameset",
    "shadow-root-removed-and-back",
    # Sheets
    "linked-sheet-that-comes-late",
    "linked-sheet-with-imports-that-come-late",
    "import-inserted-by-a-script",
    "style-element-of-parts",
    "style-element-added-and-changed",
    "adopted-sheet-changed-in-place",
    # Drawings and media
    "svg-use",
    "canvas-with-pictures",
    "webgl-triangle",
    "objects",
    # Stages
    "dialogs-over-dialogs",
    "window-resized",
    "body-replaced",
    "zones",
)
"""Pages of `make test`: some of each kind, among them those with known differences and those that found the latest
faults."""

__all__ = ["PAGES", "SAMPLE", "Difference", "WebPage"]
