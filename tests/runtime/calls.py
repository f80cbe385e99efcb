"""A service of all four call shapes without a contract: bytes in, bytes out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc

SERVICE = "test.Shapes"
SHAPES = ("UnaryUnary", "UnaryStream", "StreamUnary", "StreamStream")


def method(name: str) -> str:
    return f"/{SERVICE}/{name}"


def register(**behaviours: Any) -> Callable[[grpc.aio.Server], None]:
    """Returns a registrar; a name ends with the shape: `Slow_UnaryStream=...`."""
    makers = {
        "UnaryUnary": grpc.unary_unary_rpc_method_handler,
        "UnaryStream": grpc.unary_stream_rpc_method_handler,
        "StreamUnary": grpc.stream_unary_rpc_method_handler,
        "StreamStream": grpc.stream_stream_rpc_method_handler,
    }
    handlers = {name: makers[name.split("_")[-1]](behaviour) for name, behaviour in behaviours.items()}
    return lambda server: server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))


async def call(channel: grpc.aio.Channel, name: str, *messages: bytes, token: str | None = None, **metadata: str):
    """Calls `name` in its shape and returns every answer."""
    sent = [(key.replace("_", "-"), value) for key, value in metadata.items()]
    if token is not None:
        sent.append(("authorization", f"Bearer {token}"))

    async def requests():
        for message in messages or (b"x",):
            yield message

    shape = name.rsplit("_", maxsplit=1)[-1]
    if shape == "UnaryUnary":
        return [await channel.unary_unary(method(name))((messages or (b"x",))[0], metadata=sent)]
    if shape == "StreamUnary":
        return [await channel.stream_unary(method(name))(requests(), metadata=sent)]
    if shape == "UnaryStream":
        return [answer async for answer in channel.unary_stream(method(name))((messages or (b"x",))[0], metadata=sent)]
    return [answer async for answer in channel.stream_stream(method(name))(requests(), metadata=sent)]
