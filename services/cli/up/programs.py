"""Programs of `afterimage up`, with their ports and environment."""

from __future__ import annotations

import importlib.util
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from services.cli.errors import CommandError
from services.cli.instance_lock import Running
from services.cli.up.supervisor import Program
from services.runtime.settings import local_address, reachable_host
from services.runtime.settings.loader import Settings

_OFF = -1
_PORTS = (
    "sidecar.port",
    "audit.port",
    "share.port",
    "audit.metrics_port",
    "share.metrics_port",
    "export.port",
    "export.metrics_port",
    "export.worker_metrics_port",
)
"""In the order in which `--port N` numbers them: N is the one for browsers."""

_TOGETHER = "services.together"
_WORKER = "services.export.worker"


@dataclass(frozen=True, slots=True)
class Installation:
    """A consistent set of programs and addresses.

    Attributes:
        settings: With the actual ports, and the data directory absolute.
        environment: The same settings as environment variables for every child.
    """

    settings: Settings
    environment: Mapping[str, str]

    @classmethod
    def of(cls, settings: Settings, config: Path | None, port: int | None) -> Installation:
        """Returns the installation described by the settings.

        Args:
            settings: Ports of 0 in it are replaced by free ones.
            config: The settings file named on the command line.
            port: The first of eight consecutive ports; 0: any free ones; None: as in the settings.

        Raises:
            CommandError: There are no eight ports from `port` on.
        """
        ports = _chosen_ports(settings, port)
        data_dir = settings.data_dir.absolute()
        environment = {"AFTERIMAGE_DATA_DIR": str(data_dir)}
        if config is not None:
            environment["AFTERIMAGE_CONFIG"] = str(config.absolute())
        updates: dict[str, dict[str, int]] = {}
        for name, number in ports.items():
            group, key = name.split(".")
            updates.setdefault(group, {})[key] = number
            environment[f"AFTERIMAGE_{group}__{key}".upper()] = str(number)
        if sys.stderr.isatty() and "level" not in settings.log.model_fields_set:
            # On a terminal, users read the tables of `up`.
            environment["AFTERIMAGE_LOG__LEVEL"] = "warning"
        groups = {group: getattr(settings, group).model_copy(update=values) for group, values in updates.items()}
        return cls(settings.model_copy(update={"data_dir": data_dir, **groups}), environment)

    def check_ports(self) -> None:
        """Checks that the ports are free, so that all taken ones are reported before any program starts.

        Raises:
            CommandError: Some are taken.
        """
        groups = {
            "sidecar": has_program("sidecar"),
            "audit": True,
            "share": has_program("services.share"),
            "export": has_program("services.export"),
        }
        taken = []
        for name in _PORTS:
            group, key = name.split(".")
            settings = getattr(self.settings, group)
            host_key = key.replace("worker_", "").replace("port", "host")
            host, port = getattr(settings, host_key), getattr(settings, key)
            if groups[group] and port != _OFF and (why := _why_not(host, port)):
                taken.append(f"{name}: cannot listen on {host}:{port}: {why}")
        if taken:
            raise CommandError(
                "\n".join([*taken, "choose other ports in the settings, or any free ones with --port 0"])
            )

    def with_redis(self, url: str) -> Installation:
        """Returns the same installation with a Redis."""
        redis = self.settings.redis.model_copy(update={"url": url})
        settings = self.settings.model_copy(update={"redis": redis})
        return Installation(settings, {**self.environment, "AFTERIMAGE_REDIS__URL": url})

    def programs(self) -> list[Program]:
        """Returns the installed services, in start order; ShareService and ExportService share a process."""
        audit, share, export, sidecar = (
            (getattr(self.settings, group).host, getattr(self.settings, group).port)
            for group in ("audit", "share", "export", "sidecar")
        )
        if has_program("services.share") and has_program("services.export"):
            light = [self._service("share and export", _TOGETHER, share, export)]
        else:
            light = [
                self._service(name, package, address)
                for name, package, address in (
                    ("share", "services.share", share),
                    ("export", "services.export", export),
                )
                if has_program(package)
            ]
        return [
            self._service("audit", "services.audit", audit),
            *light,
            *self._worker(),
            *([self._service("sidecar", "sidecar", sidecar)] if has_program("sidecar") else []),
        ]

    def _worker(self) -> list[Program]:
        """Returns the worker of exports, which needs a Redis; it listens with its metrics only."""
        export = self.settings.export
        if not (self.settings.redis.url and has_program(_WORKER)):
            return []
        address = export.metrics_host, export.worker_metrics_port
        return [self._service("export-worker", _WORKER, *([] if export.worker_metrics_port == _OFF else [address]))]

    def addresses(self, pid: int) -> Running:
        """Returns the addresses of the installation."""
        audit, share, sidecar = self.settings.audit, self.settings.share, self.settings.sidecar
        export = self.settings.export
        scheme = "https" if sidecar.cert_file else "http"
        metrics = local_address(audit.metrics_host, audit.metrics_port)
        return Running(
            pid=pid,
            audit=local_address(audit.host, audit.port),
            share=local_address(share.host, share.port) if has_program("services.share") else "",
            export=local_address(export.host, export.port) if has_program("services.export") else "",
            sidecar=f"{scheme}://{local_address(sidecar.host, sidecar.port)}" if has_program("sidecar") else "",
            redis=self.settings.redis.url,
            audit_metrics="" if audit.metrics_port == _OFF else f"http://{metrics}/metrics",
        )

    def _service(self, name: str, package: str, *addresses: tuple[str, int]) -> Program:
        # -P: imports the installed package, not a folder of that name in the working directory.
        command = [sys.executable, "-P", "-m", package]
        where = [(reachable_host(host).strip("[]"), port) for host, port in addresses]
        return Program(name, command, self.environment, where)


def has_program(package: str) -> bool:
    """Returns whether `python -m package` would run."""
    return importlib.util.find_spec(package) is not None and importlib.util.find_spec(f"{package}.__main__") is not None


def _why_not(host: str, port: int) -> str:
    """Returns the reason why a program cannot listen there; "": it can."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(
                socket.SOL_SOCKET, socket.SO_REUSEADDR, 1
            )  # as servers do, because of lingering connections
            probe.bind(address)
    except OSError as error:
        return (error.strerror or str(error)).lower()
    return ""


def _chosen_ports(settings: Settings, first: int | None) -> dict[str, int]:
    if first is not None and first + len(_PORTS) > 65_536:
        raise CommandError(f"--port: there are no {len(_PORTS)} ports from {first} on")
    wanted: dict[str, int] = {}
    for offset, name in enumerate(_PORTS):
        group, key = name.split(".")
        configured = getattr(getattr(settings, group), key)
        wanted[name] = configured if first is None or configured == _OFF else first + offset if first else 0
    free = iter(free_ports(sum(not number for number in wanted.values())))
    return {name: number or next(free) for name, number in wanted.items()}


def free_ports(count: int) -> list[int]:
    """Returns TCP ports that are free now; another process may take one before it is used."""
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()
