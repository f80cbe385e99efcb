"""A real ClickHouse server for the tests: Debian's `clickhouse-server` on free ports, with its own data."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.ports import free_port
from support.require import missing
from support.wait import PATIENCE_S

CONFIG = """\
<yandex>
  <logger><level>warning</level><log>{root}/server.log</log><errorlog>{root}/error.log</errorlog></logger>
  <tcp_port>{tcp}</tcp_port><http_port>{http}</http_port><interserver_http_port>{inter}</interserver_http_port>
  <listen_host>127.0.0.1</listen_host>
  <path>{data}/</path><tmp_path>{data}/tmp/</tmp_path>
  <users_config>{root}/users.xml</users_config>
  <default_profile>default</default_profile><default_database>default</default_database>
  <mark_cache_size>67108864</mark_cache_size>
</yandex>
"""

USERS = """\
<yandex>
  <profiles><default/></profiles><quotas><default/></quotas>
  <users><default>
    <password></password><networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>default</quota>
  </default></users>
</yandex>
"""


def executable() -> str:
    """The server's path; without one the test is skipped, loudly, and fails in CI."""
    found = shutil.which("clickhouse-server") or shutil.which("clickhouse-server", path="/usr/sbin:/usr/bin")
    if found is None:
        missing("no clickhouse-server here (apt-get install clickhouse-server): ClickHouse is NOT tested")
    return found


@contextmanager
def server(data: Path | None = None, environment: dict[str, str] | None = None) -> Iterator[str]:
    """Runs a server; yields its DSN without a database.

    Args:
        data: Directory of its tables; None: a temporary one, as for its log, without which it serves no one.
        environment: Variables in addition to those of this process.
    """
    program = executable()
    with tempfile.TemporaryDirectory(prefix="ai-clickhouse-") as directory:
        root = Path(directory)
        tcp, http, inter = free_port(), free_port(), free_port()
        (root / "config.xml").write_text(
            CONFIG.format(root=root, data=data or root / "data", tcp=tcp, http=http, inter=inter)
        )
        (root / "users.xml").write_text(USERS)
        with (root / "out").open("wb") as out:
            process = subprocess.Popen(
                [program, f"--config-file={root / 'config.xml'}"],
                stdout=out,
                stderr=out,
                env=os.environ | (environment or {}),
            )
        try:
            _await_port(tcp, process, root)
            yield f"clickhouse://default@127.0.0.1:{tcp}"
        finally:
            process.kill()
            process.wait()


def _await_port(port: int, process: subprocess.Popen[bytes], root: Path) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            pytest.fail(f"clickhouse-server ended: {(root / 'out').read_text()[-2000:]}")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    pytest.fail(f"clickhouse-server did not open its port within {PATIENCE_S:.0f} s")
