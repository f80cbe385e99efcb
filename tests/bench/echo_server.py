"""A gRPC server that echoes bytes, or streams some: the upper bound of any service on this machine."""

from __future__ import annotations

import asyncio
import sys

import grpc
import uvloop


async def echo(requests, context):
    async for message in requests:
        await context.write(message)


async def stream(request, context):
    """Sends messages by the request "count size": their number and their size in bytes."""
    count, size = map(int, request.split())
    message = bytes(size)
    for _ in range(count):
        await context.write(message)


class Handler(grpc.GenericRpcHandler):
    def service(self, details):
        if details.method.endswith("/Stream"):
            return grpc.unary_stream_rpc_method_handler(stream)
        return grpc.stream_stream_rpc_method_handler(echo)


async def main() -> None:
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((Handler(),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main())
