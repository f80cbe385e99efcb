"""HTTP error responses: all routes use the error JSON of the Connect protocol.

https://connectrpc.com/docs/protocol#error-end-stream: `code`, `message`, and `details` with a type and the unpadded
base64 of the message. The HTTP status is Connect's, except for 413 if a message or body is too large, and 421 for the
name of another host.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import grpc
from aiohttp import web
from google.protobuf import json_format
from google.rpc import error_details_pb2, status_pb2

from services.runtime.rpc.status import to_status
from sidecar.wire.close_codes import reason_of, retry_after_s_of
from sidecar.wire.frames import encode_value, json_bytes

if TYPE_CHECKING:
    from typing import Any

    from google.protobuf.any_pb2 import Any as AnyMessage

    from services.runtime.errors import AfterimageError

_HTTP_STATUS = {
    grpc.StatusCode.CANCELLED: ("canceled", 499),
    grpc.StatusCode.UNKNOWN: ("unknown", 500),
    grpc.StatusCode.INVALID_ARGUMENT: ("invalid_argument", 400),
    grpc.StatusCode.DEADLINE_EXCEEDED: ("deadline_exceeded", 504),
    grpc.StatusCode.NOT_FOUND: ("not_found", 404),
    grpc.StatusCode.ALREADY_EXISTS: ("already_exists", 409),
    grpc.StatusCode.PERMISSION_DENIED: ("permission_denied", 403),
    grpc.StatusCode.RESOURCE_EXHAUSTED: ("resource_exhausted", 429),
    grpc.StatusCode.FAILED_PRECONDITION: ("failed_precondition", 400),
    grpc.StatusCode.ABORTED: ("aborted", 409),
    grpc.StatusCode.OUT_OF_RANGE: ("out_of_range", 400),
    grpc.StatusCode.UNIMPLEMENTED: ("unimplemented", 501),
    grpc.StatusCode.INTERNAL: ("internal", 500),
    grpc.StatusCode.UNAVAILABLE: ("unavailable", 503),
    grpc.StatusCode.DATA_LOSS: ("data_loss", 500),
    grpc.StatusCode.UNAUTHENTICATED: ("unauthenticated", 401),
}
_BY_NUMBER = {code.value[0]: names for code, names in _HTTP_STATUS.items()}
_TOO_LARGE_STATUS = 413
_MISDIRECTED_STATUS = 421


def error_response(error: AfterimageError) -> web.Response:
    """Returns the response for `error`."""
    return status_response(to_status(error))


def status_response(status: status_pb2.Status) -> web.Response:
    """Returns the response for `status`, with its details."""
    code, http_status = _BY_NUMBER.get(status.code, ("unknown", 500))
    reason = reason_of(status) or ""
    if "TOO_LARGE" in reason:
        http_status = _TOO_LARGE_STATUS
    elif reason == "HOST_UNKNOWN":
        http_status = _MISDIRECTED_STATUS
    body = {"code": code, "message": status.message, "details": [_detail(detail) for detail in status.details]}
    headers = {"Cache-Control": "no-store"}
    if (retry_after_s := retry_after_s_of(status)) is not None:
        headers["Retry-After"] = str(math.ceil(retry_after_s))
    if http_status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return web.Response(
        status=http_status, body=json_bytes(body), content_type="application/json", charset=None, headers=headers
    )


def _detail(detail: AnyMessage) -> dict[str, Any]:
    name = detail.TypeName()
    shown: dict[str, Any] = {"type": name, "value": encode_value(detail.value)}
    if (message_type := _READABLE.get(name)) is not None and detail.Is(message_type.DESCRIPTOR):
        # The protocol reserves `debug` for the human-readable form, which curl shows.
        shown["debug"] = json_format.MessageToDict(message_type.FromString(detail.value))
    return shown


_READABLE = {
    message_type.DESCRIPTOR.full_name: message_type
    for message_type in (error_details_pb2.ErrorInfo, error_details_pb2.BadRequest, error_details_pb2.RetryInfo)
}
