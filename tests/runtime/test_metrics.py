from __future__ import annotations

import socket

import aiohttp
import pytest
from prometheus_client import Counter
from support.ports import free_port

from services.runtime.metrics import OFF, new_registry, serve_metrics
from services.runtime.settings.loader import SettingsError


async def test_what_is_counted_is_shown_with_the_process():
    registry = new_registry()
    Counter("afterimage_things", "Things.", registry=registry).inc(3)
    async with serve_metrics("127.0.0.1", 0, registry) as port, aiohttp.ClientSession() as http:
        async with http.get(f"http://127.0.0.1:{port}/metrics") as answer:
            text = await answer.text()
            assert answer.status == 200
            assert answer.headers["Content-Type"].startswith("text/plain")
        assert "afterimage_things_total 3.0" in text
        assert "process_resident_memory_bytes" in text
        assert "python_gc_objects_collected_total" in text
        async with http.get(f"http://127.0.0.1:{port}/") as answer:
            assert answer.status == 404


async def test_the_port_is_free_again_afterwards():
    async with serve_metrics("127.0.0.1", free_port(), new_registry()) as port:
        pass
    async with serve_metrics("127.0.0.1", port, new_registry()) as again:
        assert again == port


async def test_off_serves_nothing():
    async with serve_metrics("127.0.0.1", OFF, new_registry()) as port:
        assert port is None


async def test_a_used_port_is_one_clear_error():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(SettingsError, match=rf"^metrics_port: cannot listen on 127\.0\.0\.1:{port}: "):
            async with serve_metrics("127.0.0.1", port, new_registry()):
                pass


def test_registries_do_not_share_anything():
    first, second = new_registry(), new_registry()
    Counter("afterimage_things", "Things.", registry=first).inc()
    Counter("afterimage_things", "Things.", registry=second)
    assert second.get_sample_value("afterimage_things_total") == 0
