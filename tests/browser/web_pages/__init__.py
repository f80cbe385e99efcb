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

__all__ = ["PAGES", "Difference", "WebPage"]
