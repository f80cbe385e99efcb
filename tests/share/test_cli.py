"""`afterimage share` against a ShareService that runs, over gRPC; and the Connect form of the same calls."""

from __future__ import annotations

import asyncio
import json

import grpc
import pytest
import structlog
from aiohttp import web
from support.share import SECRET, refusal
from typer.testing import CliRunner

from services.cli import share as command


@pytest.fixture
async def afterimage(share, share_settings, monkeypatch):
    """Runs `afterimage share ...` against the test's ShareService."""
    monkeypatch.setenv("AFTERIMAGE_AUTH__SECRET", SECRET)
    monkeypatch.setenv("AFTERIMAGE_DATA_DIR", str(share_settings.data_dir))
    runner = CliRunner()

    async def invoke(*arguments, address=share.address, stdin=None):
        words = [*arguments, "--address", address]
        return await asyncio.to_thread(runner.invoke, command.share, words, input=stdin)

    with structlog.testing.capture_logs():  # the service is in this process too, and writes where commands do
        yield invoke


async def test_create_list_revoke(afterimage, share, audit):
    session = await audit.record()
    made = await afterimage("create", session, "--ttl", "7d", "--max-views", "3", "--from", "10s", "--label", "Bob")
    assert made.exit_code == 0, made.output
    url = made.stdout.strip()
    token = url.rpartition("/s/")[2]
    got = await share.redeem(token)
    assert (got.views_left, got.start_offset.seconds) == (2, 20)
    assert "visible from 20 s, the first full snapshot after 10 s" in made.stderr

    listed = await afterimage("list", "--session", session)
    [link] = (await share.list()).share_links
    assert link.share_link_id in listed.stdout
    assert "1 of 3" in listed.stdout
    assert token not in listed.stdout
    as_json = await afterimage("list", "--json", "--limit", "1")
    assert json.loads(as_json.stdout)["shareLinkId"] == link.share_link_id

    gone = await afterimage("revoke", link.share_link_id)
    assert gone.exit_code == 0
    assert (await refusal(share.redeem(token))).code is grpc.StatusCode.NOT_FOUND
    assert (await afterimage("list")).stdout == "no links\n"


async def test_a_passcode_comes_from_a_pipe(afterimage, share, audit):
    made = await afterimage(
        "create", await audit.record(), "--ttl", "1h", "--passcode", "--json", stdin="open sesame\n"
    )
    assert made.exit_code == 0, made.output
    token = json.loads(made.stdout)["token"]
    assert (await share.look(token)).passcode_required
    await refusal(share.redeem(token, "open says me"))
    assert "yes, 1 wrong" in (await afterimage("list")).stdout


async def test_problems_are_one_sentence(afterimage, share, audit):
    for arguments, words in (
        (("create", "nonsense", "--ttl", "1h"), "INVALID_ARGUMENT: session_id"),
        (("create", "nonsense", "--ttl", "soon"), "not a duration"),
        (("revoke", "11111111-1111-4111-8111-111111111111"), "NOT_FOUND: there is no such link"),
    ):
        told = await afterimage(*arguments)
        assert told.exit_code == 1
        assert words in told.stderr
        assert told.stderr.count("\n") == 1
    told = await afterimage("list", address="127.0.0.1:1")
    assert (told.exit_code, told.stderr.count("\n")) == (1, 1)


@pytest.fixture
async def connect_url(share):
    """A door that passes Connect calls on, as the sidecar does."""

    async def handle(request: web.Request) -> web.Response:
        assert request.content_type == "application/proto"
        method = f"/{request.match_info['service']}/{request.match_info['method']}"
        call = share.channel.unary_unary(method)
        try:
            sent = [("authorization", request.headers["authorization"])]
            return web.Response(body=await call(await request.read(), metadata=sent), content_type="application/proto")
        except grpc.aio.AioRpcError as error:
            told = {"code": error.code().name.lower(), "message": error.details()}
            return web.json_response(told, status=404)

    app = web.Application()
    app.router.add_post("/{service}/{method}", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def test_the_same_through_the_sidecar(afterimage, share, audit, connect_url):
    session = await audit.record()
    made = await afterimage("create", session, "--ttl", "1h", "--json", address=connect_url)
    assert made.exit_code == 0, made.output
    link = json.loads(made.stdout)["shareLink"]["shareLinkId"]
    assert link in (await afterimage("list", address=connect_url + "/")).stdout
    assert (await afterimage("revoke", link, address=connect_url)).exit_code == 0
    told = await afterimage("revoke", link, address=connect_url)
    assert (told.exit_code, told.stderr) == (1, "NOT_FOUND: there is no such link, or it has ended\n")
    told = await afterimage("list", address="http://127.0.0.1:1")
    assert "cannot reach the sidecar" in told.stderr
