"""Mapping of this project's errors to a status of gRPC, with google.rpc details."""

from __future__ import annotations

import grpc
from google.protobuf import any_pb2, duration_pb2
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from services.runtime.errors import DOMAIN, AfterimageError, FieldViolation, InvalidArgument


def to_status(error: AfterimageError) -> status_pb2.Status:
    """Returns the google.rpc.Status that carries `error` with all its details."""
    details: list[any_pb2.Any] = []

    def attach(
        detail: error_details_pb2.ErrorInfo | error_details_pb2.BadRequest | error_details_pb2.RetryInfo,
    ) -> None:
        packed = any_pb2.Any()
        packed.Pack(detail)
        details.append(packed)

    attach(error_details_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN, metadata=error.metadata))
    if isinstance(error, InvalidArgument):
        fields = [
            error_details_pb2.BadRequest.FieldViolation(field=v.field, description=v.description)
            for v in error.violations
        ]
        attach(error_details_pb2.BadRequest(field_violations=fields))
    if error.retry_after_s is not None:
        delay = duration_pb2.Duration(
            seconds=int(error.retry_after_s), nanos=int((error.retry_after_s % 1) * 1_000_000_000)
        )
        attach(error_details_pb2.RetryInfo(retry_delay=delay))
    return status_pb2.Status(code=error.code.value[0], message=error.message, details=details)


def violations_of(error: grpc.aio.AioRpcError) -> list[FieldViolation]:
    """Returns the invalid fields that the error of a call names."""
    found: list[FieldViolation] = []
    status = rpc_status.from_call(error)
    for detail in status.details if status else ():
        request = error_details_pb2.BadRequest()
        if detail.Unpack(request):
            found += [FieldViolation(one.field, one.description) for one in request.field_violations]
    return found


def reason_of(error: grpc.aio.AioRpcError) -> str:
    """Returns the reason in the error of a call, such as "LINK_ENDED"; "": there is no reason in it."""
    status = rpc_status.from_call(error)
    for detail in status.details if status else ():
        info = error_details_pb2.ErrorInfo()
        if detail.Unpack(info):
            return str(info.reason)
    return ""
