"""An AuditService in a process of its own, to kill and start again."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys

from support.ports import until_open


class KillableAuditProcess:
    """`python -m services.audit`, killed and started again on the same port."""

    def __init__(self, settings, port: int, **environment: str) -> None:
        self.address = f"127.0.0.1:{port}"
        self._environment = {
            **os.environ,
            "AFTERIMAGE_DATA_DIR": str(settings.data_dir),
            "AFTERIMAGE_AUTH__SECRET": settings.auth.secret.get_secret_value(),
            "AFTERIMAGE_AUDIT__PORT": str(port),
            "AFTERIMAGE_AUDIT__METRICS_PORT": "-1",
            "AFTERIMAGE_LOG__LEVEL": "error",
            "AFTERIMAGE_INGEST__WORKERS": "0",  # each takes a second and more of CPU to start
            "AFTERIMAGE_SESSION__LEFT_AFTER_S": "86400",  # on a busy machine, recorders are away for long
            "AFTERIMAGE_PRIVACY": json.dumps(settings.privacy),  # as the run without kills has it
            **environment,
        }
        self._process: asyncio.subprocess.Process | None = None
        self.listens = asyncio.Event()

    async def start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "services.audit", env=self._environment
        )
        await until_open(int(self.address.rpartition(":")[2]), self._process)
        self.listens.set()

    async def kill(self, number: int = signal.SIGKILL) -> None:
        assert self._process is not None
        self.listens.clear()
        self._process.send_signal(number)
        await self._process.wait()
