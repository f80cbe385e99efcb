"""WebSocket to gRPC and back with nothing in between: the upper bound of a bridge on aiohttp and grpc.aio.

No authentication, no limits, no metrics, no care for a peer that is slow or gone. `python bare_bridge.py host:port`
prints the port it listens on.
"""

from __future__ import annotations

import asyncio
import sys

import grpc
import uvloop
from aiohttp import WSMsgType, web

CHANNEL = web.AppKey("channel", grpc.aio.Channel)


async def bridge(request: web.Request) -> web.WebSocketResponse:
    socket = web.WebSocketResponse(compress=False, max_msg_size=0, protocols=("afterimage.v1",))
    await socket.prepare(request)
    call = request.app[CHANNEL].stream_stream("/echo/Echo")()

    async def back() -> None:
        while (message := await call.read()) is not grpc.aio.EOF:
            await socket.send_bytes(message)

    returning = asyncio.create_task(back())
    try:
        while (frame := await socket.receive()).type is WSMsgType.BINARY:
            await call.write(frame.data)
    finally:
        call.cancel()
        returning.cancel()
    return socket


async def main(upstream: str) -> None:
    app = web.Application()
    app[CHANNEL] = grpc.aio.insecure_channel(upstream)
    app.router.add_get("/ws/record", bridge)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    sys.stdout.write(f"{runner.addresses[0][1]}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1]))
