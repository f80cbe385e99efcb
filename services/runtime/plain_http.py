"""HTTP servers with answers that name no software: neither aiohttp's version nor the texts of its parser.

A request that is not HTTP never reaches an application, so aiohttp answers it by itself, with its name and version.
"""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import TYPE_CHECKING

from aiohttp import hdrs, web
from aiohttp.http import HttpProcessingError
from aiohttp.web_protocol import RequestHandler

if TYPE_CHECKING:
    from aiohttp.web_server import Server

SERVER = "afterimage"


def quiet_log(name: str) -> logging.Logger:
    """Returns a logger for aiohttp's server that drops malformed requests: their tracebacks quote the headers."""
    logger = logging.getLogger(name)
    logger.addFilter(_without_bad_requests)
    return logger


def _without_bad_requests(record: logging.LogRecord) -> bool:
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, HttpProcessingError)


class PlainRunner(web.AppRunner):
    """Runs an application like aiohttp's own runner."""

    __slots__ = ()

    async def _make_server(self) -> Server:
        self.app.on_response_prepare.append(_name_no_software)
        server: Server = await super()._make_server()
        server.__class__ = _Server  # aiohttp's application creates it and offers no factory
        return server


class _Handler(RequestHandler):
    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        super().handle_error(request, status, exc, message)  # logs it; raises when an answer has begun
        response = web.Response(status=status, text=f"{status} {HTTPStatus(status).phrase}\n")
        response.headers[hdrs.SERVER] = SERVER
        response.force_close()
        return response


class _Server(web.Server):
    def __call__(self) -> RequestHandler:
        return _Handler(self, loop=self._loop, **self._kwargs)


async def _name_no_software(_request: web.Request, response: web.StreamResponse) -> None:
    response.headers[hdrs.SERVER] = SERVER
