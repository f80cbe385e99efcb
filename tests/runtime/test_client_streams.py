"""A stream that a client writes to ends with the status that the server sent, whenever that is."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from functools import partial

import grpc
import pytest
from grpc._cython import cygrpc
from runtime.calls import SERVICE, method
from support.busy import busy_loops
from support.wait import PATIENCE_S

from services.runtime.client_streams import status_kept

METHOD = method("StreamStream")
MESSAGE = b"x" * 4096
REFUSAL = (grpc.StatusCode.PERMISSION_DENIED, "not here")
ENDS = {
    "refused": REFUSAL,
    "superseded": (grpc.StatusCode.ABORTED, "a newer stream records this window"),
    "a full quota": (grpc.StatusCode.RESOURCE_EXHAUSTED, "the quota of the project is used up"),
    "unavailable": (grpc.StatusCode.UNAVAILABLE, "the server is shutting down"),
    "internal of the server": (grpc.StatusCode.INTERNAL, "a fault of the server's own"),
    "OK": (grpc.StatusCode.OK, ""),
}
POINTS = ("before it reads", "after the first message", "after the third message", "after its answer")
STYLES = ("writes", "writes and reads at once", "iterator")


@asynccontextmanager
async def served(behaviour, *, streams_answers=True):
    """Serves one method; yields its address."""
    make = grpc.stream_stream_rpc_method_handler if streams_answers else grpc.stream_unary_rpc_method_handler
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, {"StreamStream": make(behaviour)}),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(None)


@asynccontextmanager
async def kept(address, *, faulty=None, wait_s=PATIENCE_S):
    """A channel that keeps the status; `faulty` wraps the core's call in one with failing sends."""
    async with grpc.aio.insecure_channel(address) as channel:
        if faulty is not None:
            make_faulty(channel, faulty)
        yield status_kept(channel, wait_s=wait_s)


def make_faulty(channel, faulty):
    plain = channel.stream_stream

    def stream_stream(*args, **options):
        def call(*args, **options):
            started = plain_call(*args, **options)
            started._cython_call = faulty(started._cython_call)
            return started

        plain_call = plain(*args, **options)
        return call

    channel.stream_stream = stream_stream


class Faulty:
    """A call of the core with failing writes; `is_writing` is set when the first one is under way."""

    def __init__(self, inner, is_writing=None):
        self.inner = inner
        self.is_writing = is_writing or asyncio.Event()

    def __getattr__(self, name):
        return getattr(self.inner, name)

    async def send_serialized_message(self, _message):
        self.is_writing.set()
        raise cygrpc.InternalError("a write that fails")


class FailsAtTheEnd(Faulty):
    """A call with a write in progress when the server ends the stream; the write fails because of that."""

    async def send_serialized_message(self, _message):
        self.is_writing.set()
        await self.inner.status()
        raise cygrpc.InternalError("a write that was under way")


class FailsBeforeTheStatus(Faulty):
    """A call with a write that fails before the status arrives; the half-close fails, too."""

    async def send_receive_close(self):
        raise cygrpc.ExecuteBatchError("a half-close that fails")


def ending(code, details, point, once=None):
    """Returns a behaviour that ends with `code` at `point`, and not before the event `once` is set."""
    reads = {"before it reads": 0, "after the first message": 1, "after the third message": 3, "after its answer": 1}

    async def behaviour(_requests, context):
        if once is not None:
            await once.wait()
        for _ in range(reads[point]):
            await context.read()
        if point == "after its answer":
            await context.write(b"answer")
        if code is not grpc.StatusCode.OK:
            await context.abort(code, details, (("reason", "as-sent"),))

    return behaviour


async def driven(call, style):
    """Writes until the stream ends; returns its status."""

    read_as = []

    async def write():
        try:
            for _ in range(200):
                await call.write(MESSAGE)
            await call.done_writing()
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
            return
        if style == "writes":  # all was written before the end: the status comes after the answers
            await read()

    async def read():
        try:
            while await call.read() is not grpc.aio.EOF:
                pass
        except grpc.aio.AioRpcError as error:
            read_as.append(error.code())

    async with asyncio.timeout(PATIENCE_S):
        if style == "writes":
            await write()
        elif style == "writes and reads at once":
            await asyncio.gather(write(), read())
        trailers = dict(await call.trailing_metadata())
        assert {await call.code()} >= set(read_as)
        return await call.code(), await call.details(), trailers.get("reason")


async def status_of(channel, style, methods="stream_stream"):
    start = getattr(channel, methods)(METHOD)
    return await driven(start(requests()) if style == "iterator" else start(), style)


async def requests():
    for _ in range(200):
        yield MESSAGE


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("end", ENDS)
async def test_a_server_that_ends_at_any_point(end, point):
    code, details = ENDS[end]
    wanted = (code, details, None if code is grpc.StatusCode.OK else "as-sent")
    async with served(ending(code, details, point)) as address, kept(address) as channel:
        for style in STYLES:
            found = await asyncio.gather(*(status_of(channel, style) for _ in range(5)))
            assert found == [wanted] * 5


@pytest.mark.campaign
@pytest.mark.parametrize("style", ["writes", "iterator"])
async def test_a_single_answer(style, campaign_rounds):
    async def behaviour(requests, context):
        await anext(aiter(requests))
        await context.abort(*REFUSAL)

    async with served(behaviour, streams_answers=False) as address, kept(address) as channel:
        with busy_loops(campaign_rounds(1, 2)):
            for _ in range(campaign_rounds(5, 100)):
                found = await asyncio.gather(*(status_of(channel, style, "stream_unary") for _ in range(5)))
                assert {status[:2] for status in found} == {REFUSAL}


@pytest.mark.campaign
@pytest.mark.timeout(1800)
async def test_on_a_busy_machine(campaign_rounds):
    rounds = campaign_rounds(5, 500)
    with busy_loops(campaign_rounds(1, 4)):
        async with (
            served(ending(*REFUSAL, "before it reads")) as at_once,
            served(ending(*REFUSAL, "after the third message")) as later,
            kept(at_once) as first,
            kept(later) as second,
        ):
            for _ in range(rounds):
                found = await asyncio.gather(
                    *(status_of(channel, style) for channel in (first, second) for style in STYLES for _ in range(3))
                )
                assert {status[:2] for status in found} == {REFUSAL}


async def test_without_the_wrapper_grpc_still_replaces_the_status():
    """Fails once grpcio keeps the status (grpc/grpc#36066): services/runtime/client_streams.py can go then."""
    is_writing = asyncio.Event()
    async with (
        served(ending(*REFUSAL, "before it reads", once=is_writing)) as address,
        grpc.aio.insecure_channel(address) as channel,
    ):
        make_faulty(channel, partial(FailsAtTheEnd, is_writing=is_writing))
        call = channel.stream_stream(METHOD)()
        with pytest.raises(grpc.aio.AioRpcError):
            await call.write(MESSAGE)
        assert await call.code() is grpc.StatusCode.INTERNAL


@pytest.mark.parametrize("faulty", [FailsAtTheEnd, FailsBeforeTheStatus])
async def test_a_write_that_was_under_way_raises_the_servers_status(faulty):
    is_writing = asyncio.Event()
    async with (
        served(ending(*REFUSAL, "before it reads", once=is_writing)) as address,
        kept(address, faulty=partial(faulty, is_writing=is_writing)) as channel,
    ):
        call = channel.stream_stream(METHOD)()
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call.write(MESSAGE)
        assert (caught.value.code(), caught.value.details()) == REFUSAL
        assert dict(caught.value.trailing_metadata())["reason"] == "as-sent"
        assert await call.code() is REFUSAL[0]


async def test_answers_before_the_status_are_read_after_a_failed_write():
    """A reader that is busy elsewhere when the write fails still gets every answer, then the status."""

    async def behaviour(_requests, context):
        for number in range(50):
            await context.write(b"%d" % number)
        await context.abort(*REFUSAL)

    async with served(behaviour) as address, kept(address, faulty=FailsBeforeTheStatus) as channel:
        call = channel.stream_stream(METHOD)()
        first = await call.read()
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call.write(MESSAGE)
        assert caught.value.code() is REFUSAL[0]
        answers, code = await every_answer(call)
        assert [first, *answers] == [b"%d" % number for number in range(50)]
        assert code is REFUSAL[0]


async def test_a_reader_that_waits_gets_every_answer():
    """The same with a read under way while the write fails."""

    async def behaviour(_requests, context):
        for number in range(50):
            await context.write(b"%d" % number)
            await asyncio.sleep(0)
        await context.abort(*REFUSAL)

    async with served(behaviour) as address, kept(address, faulty=FailsBeforeTheStatus) as channel:
        call = channel.stream_stream(METHOD)()
        reader = asyncio.create_task(every_answer(call))
        await asyncio.sleep(0)
        with pytest.raises(grpc.aio.AioRpcError):
            await call.write(MESSAGE)
        answers, code = await reader
        assert answers == [b"%d" % number for number in range(50)]
        assert code is REFUSAL[0]


async def every_answer(call):
    answers = []
    try:
        while (answer := await call.read()) is not grpc.aio.EOF:
            answers.append(answer)
    except grpc.aio.AioRpcError as error:
        return answers, error.code()
    return answers, grpc.StatusCode.OK


async def test_a_write_after_the_end_raises_the_status():
    async with served(ending(*REFUSAL, "before it reads")) as address, kept(address) as channel:
        call = channel.stream_stream(METHOD)()
        assert await call.code() is REFUSAL[0]
        for _ in range(2):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await call.write(MESSAGE)
            assert (caught.value.code(), caught.value.details()) == REFUSAL
    async with served(ending(*ENDS["OK"], "before it reads")) as address, kept(address) as channel:
        call = channel.stream_stream(METHOD)()
        assert await call.code() is grpc.StatusCode.OK
        with pytest.raises(asyncio.InvalidStateError):
            await call.write(MESSAGE)


async def test_a_write_after_the_half_close_is_a_mistake_of_the_caller():
    async with served(silent) as address, kept(address) as channel:
        call = channel.stream_stream(METHOD)()
        await call.done_writing()
        with pytest.raises(asyncio.InvalidStateError):
            await call.write(MESSAGE)


async def test_a_failed_half_close_raises_nothing_and_keeps_the_status():
    async with (
        served(ending(*REFUSAL, "before it reads")) as address,
        kept(address, faulty=FailsBeforeTheStatus) as channel,
    ):
        call = channel.stream_stream(METHOD)()
        await call.done_writing()
        assert await call.code() is REFUSAL[0]


async def silent(requests, _context):
    async for _ in requests:
        pass
    await asyncio.Event().wait()


async def test_no_status_in_time_is_internal():
    async with served(silent) as address, kept(address, faulty=FailsBeforeTheStatus, wait_s=0.05) as channel:
        call = channel.stream_stream(METHOD)()
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call.write(MESSAGE)
        assert caught.value.code() is grpc.StatusCode.INTERNAL
        call = channel.stream_stream(METHOD)()
        await call.done_writing()
        assert await call.code() is grpc.StatusCode.INTERNAL


@pytest.mark.parametrize("faulty", [None, FailsBeforeTheStatus], ids=["writing", "waiting for the status"])
async def test_a_cancelled_writer_is_cancelled(faulty):
    async with served(hanging) as address, kept(address, faulty=faulty) as channel:
        call = channel.stream_stream(METHOD)()
        writer = asyncio.create_task(written(call))
        await asyncio.sleep(0.1)  # into the write that waits: for the window of HTTP/2, or for the status
        assert not writer.done()
        writer.cancel()
        with pytest.raises(asyncio.CancelledError):
            await writer
        assert call.cancelled()
        assert await call.code() is grpc.StatusCode.CANCELLED


async def hanging(_requests, _context):
    await asyncio.Event().wait()


async def written(call):
    while True:
        await call.write(MESSAGE * 16)


async def test_a_call_that_the_caller_cancels_is_cancelled():
    async with served(hanging) as address, kept(address) as channel:
        call = channel.stream_stream(METHOD)()
        writer = asyncio.create_task(written(call))
        await asyncio.sleep(0.1)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await writer
        assert await call.code() is grpc.StatusCode.CANCELLED


async def test_a_deadline_is_a_deadline():
    async with served(hanging) as address, kept(address) as channel:
        call = channel.stream_stream(METHOD)(timeout=0.2)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await written(call)
        assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED


async def test_a_connection_that_is_cut_in_mid_write_is_unavailable():
    has_read = asyncio.Event()

    async def reading(requests, context):
        await anext(aiter(requests))
        has_read.set()
        await silent(requests, context)

    async with served(reading) as address:
        host, _, port = address.rpartition(":")
        through: asyncio.Queue = asyncio.Queue()

        async def relay(reader, writer):
            there, to_there = await asyncio.open_connection(host, int(port))
            through.put_nowait((writer, to_there))
            await asyncio.gather(piped(reader, to_there), piped(there, writer))

        proxy = await asyncio.start_server(relay, "127.0.0.1", 0)
        async with proxy, kept(f"127.0.0.1:{proxy.sockets[0].getsockname()[1]}") as channel:
            call = channel.stream_stream(METHOD)()
            writer = asyncio.create_task(written(call))
            ends = await through.get()
            await asyncio.wait_for(has_read.wait(), PATIENCE_S)
            for end in ends:
                end.transport.abort()
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await writer
            assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


async def piped(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


async def test_wrapped_twice_is_wrapped_once():
    async with served(ending(*REFUSAL, "before it reads")) as address, kept(address) as channel:
        before = channel.stream_stream
        assert status_kept(channel) is channel
        assert channel.stream_stream is before
        assert (await status_of(channel, "writes"))[:2] == REFUSAL
