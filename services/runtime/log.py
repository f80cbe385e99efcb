"""Structured logs on standard error, from Afterimage and from libraries, without secrets.

Programs import this module before any other that imports structlog.
"""

from __future__ import annotations

import logging
import re
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

if "rich" not in sys.modules:
    # structlog imports rich, if it is installed, for tracebacks that are not used here: 0.1 s in each process.
    sys.modules["rich"] = None  # type: ignore[assignment]
    import structlog

    del sys.modules["rich"]
import structlog

if TYPE_CHECKING:
    from typing import Any

    from structlog.typing import EventDict, Processor

    from services.runtime.settings import LogSettings

REDACTED = "[redacted]"
_SECRET_KEYS = frozenset({"token", "authorization", "payload", "passcode", "secret"})
_JWT = re.compile(r"eyJ[\w-]{4,}\.[\w-]+\.[\w-]*")


@dataclass(frozen=True, slots=True)
class LogOptions:
    """The fields of `LogSettings`, for processes that do not load the settings."""

    level: str = "info"
    format: str = "auto"


def configure(log: LogSettings | LogOptions, stream: TextIO | None = None) -> None:
    """Sends structlog and the standard library's logging to `stream` (standard error by default)."""
    out = stream or sys.stderr
    as_json = log.format == "json" or (log.format == "auto" and not out.isatty())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        # Plain tracebacks: the pretty ones print local variables, which may hold payloads and tokens.
        structlog.processors.format_exc_info,
        redact,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    renderer: Processor = (
        structlog.processors.JSONRenderer()
        if as_json
        else structlog.dev.ConsoleRenderer(colors=out.isatty(), exception_formatter=structlog.dev.plain_traceback)
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(log.level.upper())


def redact(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Redacts values under the names of secrets, at any depth, and any text that looks like a JWT."""
    for key, value in event.items():
        event[key] = _clean(key, value)
    return event


def _clean(key: object, value: Any) -> Any:
    if isinstance(key, str) and key.lower() in _SECRET_KEYS:
        return REDACTED
    if isinstance(value, str):
        return _JWT.sub(REDACTED, value) if "eyJ" in value else value
    if isinstance(value, dict):
        return {name: _clean(name, inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(None, inner) for inner in value]
    return value
