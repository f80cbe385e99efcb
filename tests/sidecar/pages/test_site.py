"""The console's pages, the recorder's script and the demo, as the sidecar serves them."""

from __future__ import annotations

import gzip
import json

import pytest
from pydantic import ValidationError

from services.runtime.settings.loader import SettingsError, load_settings
from sidecar.pages.headers import player_headers
from tests.sidecar.conftest import rigged

CONSOLE = "<!doctype html><title>console</title>"
PAGES = ("/", "/sessions/abc", "/live", "/live/abc", "/heatmap", "/signin", "/s/a-token")


@pytest.fixture
def web_dir(tmp_path):
    """A built web part, as small as can be."""
    files = {
        "dist/console/index.html": CONSOLE,
        "dist/console/player.html": "player",
        "dist/console/assets/index-5f2c.js": "console.log('console')",
        "dist/console/assets/index-5f2c.css": "body{}",
        "dist/recorder.js": "console.log('recorder')",
        "dist/secret.txt": "not served",
        "demo/index.html": "shop",
        "demo/shop.js": "console.log('shop')",
    }
    for name, text in files.items():
        path = tmp_path / "web" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    packed = tmp_path / "web/dist/console/assets/index-5f2c.js.gz"
    packed.write_bytes(gzip.compress(b"console.log('console')"))
    return tmp_path / "web"


async def get(rig, path, **options):
    async with rig.http.get(rig.url + path, allow_redirects=False, **options) as response:
        return response.status, response.headers, await response.text()


def policy(headers):
    """The Content-Security-Policy: sources by directive."""
    directives = (part.split() for part in headers["Content-Security-Policy"].split(";"))
    return {name: sources for name, *sources in directives}


@pytest.mark.parametrize("path", PAGES)
async def test_every_address_of_the_console_is_its_document(settings, web_dir, path):
    async with rigged(settings, web_dir=web_dir) as rig:
        status, headers, text = await get(rig, path)
        assert (status, text, headers["Content-Type"]) == (200, CONSOLE, "text/html")
        rules = policy(headers)
        assert rules["default-src"] == ["'none'"]
        assert rules["script-src"] == rules["style-src"] == rules["connect-src"] == ["'self'"]
        assert rules["frame-ancestors"] == rules["form-action"] == rules["base-uri"] == ["'none'"]
        assert rules["frame-src"] == ["'self'", "data:"]
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "camera=()" in headers["Permissions-Policy"]
        assert headers["Cache-Control"] == ("no-store" if path.startswith("/s/") else "no-cache")


async def test_the_replay_s_document_may_load_what_the_settings_name(settings, web_dir):
    async with rigged(settings, web_dir=web_dir) as rig:
        _, headers, text = await get(rig, "/player.html")
        assert text == "player"
        rules = policy(headers)
        assert rules["script-src"] == rules["frame-ancestors"] == ["'self'"]
        assert rules["style-src"] == ["'self'", "'unsafe-inline'"]
        assert rules["img-src"] == ["data:", "blob:"]
        closed = ("default-src", "connect-src", "frame-src", "form-action", "object-src", "base-uri", "worker-src")
        assert all(rules[name] == ["'none'"] for name in closed)
    async with rigged(settings, web_dir=web_dir, replay_sources=["https://*.shop.example"]) as rig:
        rules = policy((await get(rig, "/player.html"))[1])
        assert all("https://*.shop.example" in rules[f"{kind}-src"] for kind in ("img", "font", "media", "style"))
        assert "https://*.shop.example" not in [*rules["script-src"], *rules["connect-src"], *rules["frame-src"]]
        assert "shop.example" not in (await get(rig, "/"))[1]["Content-Security-Policy"]


@pytest.mark.parametrize(
    "source", ["https:", "http://127.0.0.1:*", "https://*.cdn.example", "https://shop.example:8443"]
)
def test_sources_that_are_taken(source):
    assert (
        source
        in player_headers(load_settings(sidecar={"replay_sources": [source]}).sidecar.replay_sources)[
            "Content-Security-Policy"
        ]
    )


@pytest.mark.parametrize(
    "source",
    ["*", "'unsafe-eval'", "https://a.example; script-src *", "https://a.example https:", "data:", "a.example"],
)
def test_sources_that_are_no_sources(source):
    with pytest.raises((SettingsError, ValidationError), match="replay_sources"):
        load_settings(sidecar={"replay_sources": [source]})


async def test_assets_are_kept_for_ever_and_come_compressed(settings, web_dir):
    async with rigged(settings, web_dir=web_dir) as rig:
        _, headers, text = await get(rig, "/assets/index-5f2c.js")
        assert (headers["Content-Type"], headers["Content-Encoding"]) == ("text/javascript", "gzip")
        assert headers["Vary"] == "Accept-Encoding, Origin"
        assert text == "console.log('console')"
        assert headers["Cache-Control"] == "public, max-age=31536000, immutable"
        _, headers, text = await get(rig, "/assets/index-5f2c.js", headers={"Accept-Encoding": "identity"})
        assert "Content-Encoding" not in headers
        assert text == "console.log('console')"
        assert (await get(rig, "/assets/index-5f2c.css"))[1]["Content-Type"] == "text/css"


async def test_the_replay_s_document_may_read_assets_from_its_opaque_origin(settings, web_dir):
    async with rigged(settings, web_dir=web_dir) as rig:
        _, headers, _ = await get(rig, "/assets/index-5f2c.js", headers={"Origin": "null"})
        assert headers["Access-Control-Allow-Origin"] == "*"
        assert "Access-Control-Allow-Credentials" not in headers
        for path in ("/", "/player.html", "/s/a-token", "/healthz"):
            _, headers, _ = await get(rig, path, headers={"Origin": "null"})
            assert "Access-Control-Allow-Origin" not in headers


@pytest.mark.parametrize(
    "path",
    [
        "/assets/other.js",
        "/assets/..%2findex.html",
        "/assets/..%2F..%2Fsecret.txt",
        "/assets/%2e%2e/secret.txt",
        "/assets/",
        "/demo/..%2fdist%2fsecret.txt",
        "/demo/nothing.html",
        "/s/",
        "/s/a/b",
    ],
)
async def test_nothing_else_is_served(settings, web_dir, path):
    from yarl import URL

    async with rigged(settings, web_dir=web_dir) as rig:
        async with rig.http.get(URL(rig.url + path, encoded=True)) as response:
            assert response.status == 404
            assert "immutable" not in response.headers.get("Cache-Control", "")


@pytest.mark.parametrize("path", ["/nonsense", "/sessions/a/b", "/assets/other.js", "/demo/nothing.html", "/v1/x"])
async def test_a_browser_gets_the_console_where_there_is_no_page(settings, web_dir, path):
    """The console has a page about it; programs, which do not ask for HTML, get the plain answer."""
    accept = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    async with rigged(settings, web_dir=web_dir) as rig:
        _, _, console = await get(rig, "/")
        async with rig.http.get(rig.url + path, headers=accept) as response:
            assert response.status == 404
            assert await response.text() == console
            assert "script-src 'self'" in response.headers["Content-Security-Policy"]
            assert response.headers["Cache-Control"] == "no-store"
        for other in ({"Accept": "application/json"}, {}):
            async with rig.http.get(rig.url + path, headers=other) as response:
                assert response.status == 404
                assert await response.text() != console
        async with rig.http.post(rig.url + path, headers=accept) as response:
            assert await response.text() != console


async def test_the_recorder_is_for_pages_of_other_sites(settings, web_dir):
    async with rigged(settings, web_dir=web_dir) as rig:
        _, headers, text = await get(rig, "/recorder.js", headers={"Origin": "https://shop.example"})
        assert text == "console.log('recorder')"
        assert headers["Content-Type"] == "text/javascript"
        assert headers["Cross-Origin-Resource-Policy"] == "cross-origin"
        assert headers["Cache-Control"] == "public, max-age=300"
        again = await get(rig, "/recorder.js", headers={"If-None-Match": headers["ETag"]})
        assert (again[0], again[2]) == (304, "")
        (web_dir / "dist/recorder.js").write_text("console.log('recorder, the next')")
        changed = await get(rig, "/recorder.js", headers={"If-None-Match": headers["ETag"]})
        assert (changed[0], changed[2]) == (200, "console.log('recorder, the next')")


async def test_without_a_build_it_says_what_to_do(settings, tmp_path):
    async with rigged(settings, web_dir=tmp_path) as rig:
        for path in (*PAGES, "/player.html"):
            status, headers, text = await get(rig, path)
            assert status == 503
            assert "console is not built" in text
            assert "make web" in text
            assert headers["Cache-Control"] == "no-store"
            assert policy(headers)["default-src"] == ["'none'"]
        status, _, text = await get(rig, "/recorder.js")
        assert status == 503
        assert "make web" in text
        # Built while the sidecar runs: the next request finds it.
        (tmp_path / "dist/console").mkdir(parents=True)
        (tmp_path / "dist/console/index.html").write_text(CONSOLE)
        assert (await get(rig, "/live"))[2] == CONSOLE


async def test_the_demo_is_a_shop_that_takes_orders(settings, web_dir):
    async with rigged(settings, web_dir=web_dir) as rig:
        status, headers, _ = await get(rig, "/demo")
        assert (status, headers["Location"]) == (302, "/demo/")
        for path, text in (("/demo/", "shop"), ("/demo/index.html", "shop"), ("/demo/shop.js", "console.log('shop')")):
            status, headers, found = await get(rig, path)
            assert (status, found) == (200, text)
            assert policy(headers)["default-src"] == ["'self'"]
            assert headers["Cache-Control"] == "no-cache"
        status, _, body = await rig.post("/demo/api/orders", data=b'{"orbit": 1}')
        assert (status, json.loads(body)) == (200, {"number": "LL-2093"})
        status, _, text = await get(rig, "/demo/api/orders?page=2")
        assert (status, json.loads(text)) == (500, {"error": "orders are resting"})


async def test_the_demo_is_for_development_unless_it_is_asked_for(settings, web_dir):
    elsewhere = settings.model_copy(update={"environment": "staging"})
    for own, demo, expected in (
        (settings, None, 200),
        (settings, False, 404),
        (elsewhere, None, 404),
        (elsewhere, True, 200),
    ):
        async with rigged(own, web_dir=web_dir, demo=demo) as rig:
            assert (await get(rig, "/demo/"))[0] == expected


async def test_a_share_token_is_in_no_log_and_no_metric(settings, web_dir, logged):
    async with rigged(settings, web_dir=web_dir) as rig:
        await get(rig, "/s/a-token-that-opens-something")
        _, _, metrics = await get(rig, "/metrics")
        await rig.until(lambda: "/s/{token}" in logged.getvalue())
        assert "a-token-that" not in logged.getvalue() + metrics
        assert 'route="/s/{token}"' in metrics
