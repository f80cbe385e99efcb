"""A small web page, with the actions of its visitor."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from playwright.async_api import Page

Step = str | Callable[[Page], Awaitable[object]]
"""An event of a page: JavaScript, or actions of a visitor."""


@dataclass(frozen=True)
class Difference:
    """Known differences of a replay from its page.

    Attributes:
        found: Regular expressions: each matches at least one of the differences, and each difference matches one.
        reason: Why it cannot be shown.
    """

    found: tuple[str, ...]
    reason: str


@dataclass(frozen=True, kw_only=True)
class WebPage:
    """A page.

    Attributes:
        body: Contents of its body.
        head: Contents of its head.
        steps: Its looks at the beginning and after each of them are compared.
        html: Attributes of its element `html`.
        doctype: Its doctype, with what else stands before `<html`.
        files: Content types and contents of further files, by their names beside the page.
        canvas: Whether contents of canvases are recorded.
        keeps_pointer: Whether the pointer stays where the visitor left it; browsers draw fields below it in another way.
        differs: Where its replay differs; None: nowhere.
    """

    body: str
    head: str = ""
    steps: tuple[Step, ...] = ()
    html: str = 'lang="en"'
    doctype: str = "<!doctype html>"
    files: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    canvas: bool = False
    keeps_pointer: bool = False
    differs: Difference | None = None

    def document(self, starter: str) -> str:
        """Returns its HTML, with a script that starts the recorder."""
        return (
            f'{self.doctype}<html {self.html}><head><meta charset="utf-8"><title>A page</title>'
            f'<link rel="icon" href="data:,">{starter}{self.head}</head><body>{self.body}</body></html>'
        )


def click(selector: str) -> Step:
    return lambda page: page.click(selector)


def fill(selector: str, words: str) -> Step:
    return lambda page: page.fill(selector, words)


def type_in(selector: str, words: str) -> Step:
    return lambda page: page.type(selector, words)


def press(selector: str, key: str) -> Step:
    return lambda page: page.press(selector, key)


def select(selector: str, *values: str) -> Step:
    return lambda page: page.select_option(selector, list(values))
