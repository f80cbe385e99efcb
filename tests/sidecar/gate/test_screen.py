"""Tokens in addresses are refused on every route, in every form."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from yarl import URL

PATHS = ["/", "/signin", "/sessions/abc", "/demo/", "/recorder.js", "/metrics", "/ws/replay", "/record", "/nothing"]
FORMS = [
    "?token={token}",
    "?{token}",
    "?next=/sessions/a&{token}",
    "?a={token}",
    "?{token}=a",
    "?next={twice}",
    "?{once}",
    "?access_token=opaque",
    "?ID_TOKEN=opaque",
]


async def refused(rig, target):
    async with rig.http.get(URL(rig.url + target, encoded=True)) as response:
        body = await response.text()
        return response.status, "TOKEN_IN_URL" in body, body


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("form", FORMS)
async def test_a_token_in_the_query_is_refused(rig, logged, path, form):
    token = rig.token("view")
    once = quote(token.replace(".", "%2e"), safe="%")
    query = form.format(token=token, once=once, twice=quote(quote(f"/signin?token={token}", safe=""), safe=""))
    status, is_named, body = await refused(rig, path + query)
    assert (status, is_named) == (401, True)
    assert token not in body + logged.getvalue()


@pytest.mark.parametrize("query", ["?next=/sessions/0193-a", "?t=12.5&window=a.b.c", "?q=eyJ", "?author=me"])
async def test_other_queries_pass(rig, query):
    assert (await refused(rig, "/signin" + query))[0] != 401
