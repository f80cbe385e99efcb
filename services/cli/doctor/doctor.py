"""`afterimage doctor`: diagnoses the installation, one line per check."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from services.cli.client import audit_address
from services.cli.command import Address, CommandError, ProjectName, invocation_of, run
from services.cli.doctor.checks_audit import check_recorder, check_refusals, check_service
from services.cli.doctor.checks_export import check_rendering
from services.cli.doctor.checks_settings import (
    check_identity_provider,
    check_key,
    check_origin,
    check_risks,
    check_settings,
    check_token,
)
from services.cli.doctor.checks_sidecar import check_heatmaps, check_links, check_sidecar
from services.cli.doctor.checks_storage import check_disk, check_set_aside, check_storage
from services.cli.doctor.examination import Check, Examination, Finding, State, problem
from services.cli.instance_lock import find_running
from services.runtime.errors import AfterimageError
from services.runtime.settings import local_address
from services.runtime.settings.loader import Settings, SettingsError

CHECKS: tuple[Check, ...] = (
    check_settings,
    check_risks,
    check_key,
    check_origin,
    check_identity_provider,
    check_token,
    check_service,
    check_storage,
    check_disk,
    check_set_aside,
    check_refusals,
    check_recorder,
    check_sidecar,
    check_links,
    check_heatmaps,
    check_rendering,
)
"""In display order: prerequisites come before the checks that need them. The recorder check comes after the
refusals, so that its own refusal is not counted."""

_COLOURS = {State.OK: "green", State.PROBLEM: "bold red", State.NOTE: "yellow", State.SKIPPED: "dim"}


def doctor(
    context: typer.Context,
    *,
    project: ProjectName = None,
    key: Annotated[str, typer.Option(help="A publishable key that does not work.")] = "",
    origin: Annotated[str, typer.Option(help="A web origin that does not record, such as https://shop.example.")] = "",
    link: Annotated[str, typer.Option(help="A share link that does not open.")] = "",
    url: Annotated[
        str,
        typer.Option(help="The sidecar as browsers reach it, such as https://replay.example. Default: the one here."),
    ] = "",
    token: Annotated[str, typer.Option(help="A token that does not work. Default: AFTERIMAGE_TOKEN.")] = "",
    metrics: Annotated[str, typer.Option(help="URL of AuditService's metrics. Default: as the settings say.")] = "",
    address: Address = None,
) -> None:
    """Diagnoses the installation; exit status 1 when there is a problem.

    Stores and changes nothing.
    """

    async def main() -> int:
        try:
            settings = invocation_of(context).settings()
        except SettingsError as error:
            show(
                [problem("settings", line, "correct it; `afterimage config` has every key") for line in error.problems]
            )
            return 1
        running = find_running(settings.data_dir)
        about = Examination(
            settings=settings,
            running=running,
            address=address or audit_address(settings),
            metrics_url=metrics or (running.audit_metrics if running and not address else _metrics_url(settings)),
            project=project,
            token=token or os.environ.get("AFTERIMAGE_TOKEN", "").strip(),
            key=key,
            origin=origin,
            link=link,
            url=url,
        )
        findings = []
        for check in CHECKS:
            found = await findings_of(check, about)
            show(found)
            findings += found
        return int(any(finding.state is State.PROBLEM for finding in findings))

    run(main())


async def findings_of(check: Check, about: Examination) -> list[Finding]:
    """Returns the findings of a check; an error in it becomes a finding too, so that the others still run."""
    name = getattr(check, "__name__", type(check).__name__).removeprefix("check_")
    try:
        return await check(about)
    except (CommandError, AfterimageError) as error:
        return [problem(name, str(error), "see the lines above")]
    except SettingsError as error:
        return [problem(name, "; ".join(error.problems), "correct the settings")]
    except Exception as error:  # noqa: BLE001 - one failed check must not stop the doctor
        return [problem(name, f"could not be checked: {type(error).__name__}: {error}", "report this as a defect")]


def show(findings: Sequence[Finding]) -> None:
    """Prints findings, one line each."""
    console = Console(file=sys.stdout, highlight=False, soft_wrap=True)
    for finding in findings:
        colour = _COLOURS[finding.state]
        advice = f" -> {finding.advice}" if finding.advice else ""
        console.print(f"[{colour}]{finding.state:<8}[/] {finding.what:<17}{escape(finding.text + advice)}")


def _metrics_url(settings: Settings) -> str:
    audit = settings.audit
    return f"http://{local_address(audit.metrics_host, audit.metrics_port)}/metrics" if audit.metrics_port > 0 else ""
