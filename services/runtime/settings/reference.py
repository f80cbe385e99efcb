"""Reference of all settings, generated from their models: `python -m services.runtime.settings.reference` prints it."""

from __future__ import annotations

import json
import sys
import textwrap
from collections.abc import Iterable, Iterator
from typing import Any

from pydantic.fields import FieldInfo

from services.runtime.settings import Group, Project, Settings

_WIDTH = 118
_EXAMPLE = Project(
    id="shop",
    name="Shop",
    keys=("pk_9f2c6d",),
    origins=("https://shop.example", "https://www.shop.example"),
    retention_days=90,
)

_PAGE = """\
<!-- Made by `python -m services.runtime.settings.reference`; a test fails when it is not current. -->
# Configuration

Afterimage runs without any configuration. Settings are read from three places; a later one wins, key by key:

1. the defaults below;
2. one TOML file: the one named by the command, else the one named by `AFTERIMAGE_CONFIG`, else `afterimage.toml` in
   the working directory of the command;
3. environment variables: `AFTERIMAGE_`, then the table, two underscores and the key. `AFTERIMAGE_AUDIT__PORT=50061` is
   `port` in `[audit]`, `AFTERIMAGE_DATA_DIR` is `data_dir`. Lists and tables are JSON
   (`AFTERIMAGE_PROJECTS='[{{"id": "shop"}}]'` replaces all projects). An empty variable counts as not set.

Invalid settings prevent start-up: all problems are reported at once, one line each, including unknown keys and
unknown `AFTERIMAGE_` variables. (`AFTERIMAGE_CONFIG`, `AFTERIMAGE_TOKEN` and `AFTERIMAGE_TEST_*` are not settings.)

## afterimage.toml

Every key with its default; `""` means "not set" where the text explains it. To set a key, remove the `#` in front of
it.

```toml
{reference}```
"""


def to_toml_reference() -> str:
    """Returns an afterimage.toml with every key, its description and its default, all commented out."""
    lines: list[str] = []
    tables: list[tuple[str, type[Group]]] = []
    for name, field in Settings.model_fields.items():
        annotation = field.annotation
        if isinstance(annotation, type) and issubclass(annotation, Group):
            tables.append((name, annotation))
        elif name != "projects":
            lines += _key(name, field, field.default)
    for name, group in tables:
        lines += [*_comment(group.__doc__ or ""), f"[{name}]", ""]
        for key, field in group.model_fields.items():
            lines += _key(key, field, field.default)
    lines += _comment(f"{Project.__doc__} {Settings.model_fields['projects'].description}")
    lines += ["#[[projects]]", ""]
    for key, field in Project.model_fields.items():
        lines += _key(key, field, getattr(_EXAMPLE, key))
    return "\n".join(lines).rstrip() + "\n"


def to_page() -> str:
    """Returns docs/configuration.md."""
    return _PAGE.format(reference=to_toml_reference())


def _key(name: str, field: FieldInfo, value: Any) -> Iterator[str]:
    yield from _comment(field.description or "")
    yield f"#{name} = {_toml(value)}"
    yield ""


def _comment(text: str) -> Iterable[str]:
    return textwrap.wrap(
        " ".join(text.split()), _WIDTH, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False
    )


def _toml(value: Any) -> str:
    """Returns `value` as TOML; for the types used here (strings, numbers, booleans, lists) JSON is the same."""
    if value is None:
        return '""'
    return json.dumps(value, ensure_ascii=False, default=str)


if __name__ == "__main__":
    sys.stdout.write(to_page())
