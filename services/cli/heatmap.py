"""`afterimage heatmap`: a page's heatmap as a PNG, and the elements that were clicked most as a table."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from afterimage_client.audit.v1 import GetHeatmapRequest, GetHeatmapResponse, HeatmapTarget
from afterimage_client.audit.v1 import HeatmapKind as KindMessage
from afterimage_client.recording.v1 import DeviceType
from rich.text import Text

from services.audit.behaviour.heatmap import MAX_TARGETS, Heatmap, HeatmapCounts, HeatmapKind, HeatmapPoint
from services.audit.behaviour.heatmap_picture import DEFAULT_WIDTH, PictureStyle, draw_heatmap
from services.cli.client import TIMEOUT_S, connect
from services.cli.command import Address, CommandError, ProjectName, duration_s, invocation_of, run
from services.cli.tables import new_table, print_table
from services.runtime.identity.tokens import Scope

_AMOUNTS = {HeatmapKind.CLICK: "Clicks", HeatmapKind.RAGE: "Rage clicks", HeatmapKind.DEAD: "Dead clicks"}


def heatmap(
    context: typer.Context,
    page: Annotated[str, typer.Argument(help="The page's normalised URL: without query, ids as :id.")],
    *,
    kind: Annotated[str, typer.Option(help="click, move, scroll, rage, dead or attention.")] = "click",
    out: Annotated[Path, typer.Option("--out", "-o", help="The picture to write, PNG.")] = Path("heatmap.png"),
    since: Annotated[str | None, typer.Option(help="Maximum age of interactions: 7d, 12h.")] = None,
    device: Annotated[list[str] | None, typer.Option(help="Only on: desktop, mobile, tablet, other.")] = None,
    background: Annotated[
        Path | None, typer.Option(help="A picture of the whole page to draw over. Default: a blank page.")
    ] = None,
    width: Annotated[int, typer.Option(min=320, max=4096, help="Width of the picture, in pixels.")] = DEFAULT_WIDTH,
    resolution: Annotated[int, typer.Option(min=10, max=400, help="Cells along each axis.")] = 100,
    top: Annotated[
        int, typer.Option(min=0, max=MAX_TARGETS, help="Maximum number of elements to list, most clicks first.")
    ] = 10,
    project: ProjectName = None,
    address: Address = None,
) -> None:
    """Draws the heatmap of a page, and lists the elements that were clicked most."""

    async def main() -> None:
        wanted = _named(kind)
        request = GetHeatmapRequest(
            page=page,
            kind=KindMessage(wanted.value),
            device_types=[_device(name) for name in device or ()],
            resolution=resolution,
            max_points=10_000,
            max_targets=top,
        )
        if since is not None:
            request.start_time = datetime.fromtimestamp(datetime.now(UTC).timestamp() - duration_s(since), UTC)
        settings = invocation_of(context).settings()
        async with connect(settings, [Scope.VIEW], address=address, project=project) as client:
            answer = await client.audit.get_heatmap(request, timeout=TIMEOUT_S)
        found = _heatmap(answer)
        try:
            picture = draw_heatmap(found, wanted, PictureStyle(width, background, f"{wanted.name.lower()}: {page}"))
            out.write_bytes(picture)
        except OSError as error:
            raise CommandError(f"{error.filename or background or out}: {error.strerror or error}") from error
        samples = f"{found.counted.samples:,} {'ms' if wanted is HeatmapKind.ATTENTION else 'samples'}"
        sys.stdout.write(f"{out}: {samples}, {found.counted.sessions:,} sessions\n{_mixed(answer)}")
        _print_targets(wanted, answer)

    run(main())


def _mixed(answer: GetHeatmapResponse) -> str:
    """Returns a line about the kinds of device, where there are several: each has its own layout of the page."""
    if len(answer.devices) < 2:
        return ""
    kinds = ", ".join(f"{(one.device_type.name or '').lower()} {one.session_count:,}" for one in answer.devices)
    return f"Several kinds of device are mixed ({kinds} sessions); --device selects one.\n"


def _print_targets(kind: HeatmapKind, answer: GetHeatmapResponse) -> None:
    """Prints the elements, with their parts of all samples."""
    if not answer.targets:
        return
    # Few pages have rage clicks or dead clicks: without any, they have no column.
    rage, dead = (
        any(getattr(one, name) for one in answer.targets) for name in ("rage_click_count", "dead_click_count")
    )
    beside = [name for name, is_any in (("Rage clicks", rage), ("Dead clicks", dead)) if is_any]
    numbers = (_AMOUNTS[kind], "Of all", "Sessions", *beside)
    table = new_table(*numbers, "Element", "Role", "Selector", right=numbers)
    for one in answer.targets:
        share = one.count / max(answer.sample_count, 1)
        counts = [f"{one.rage_click_count:,}"] * rage + [f"{one.dead_click_count:,}"] * dead
        table.add_row(f"{one.count:,}", f"{share:.1%}", f"{one.session_count:,}", *counts, *_words(one))
    sys.stdout.write("\n")
    print_table(table)
    if answer.targets_truncated:
        sys.stdout.write(f"There are more elements; --top lists up to {MAX_TARGETS}.\n")
    if answer.target_sample_fraction < 1:
        sys.stdout.write(f"These numbers are estimated from {answer.target_sample_fraction:.2%} of the sessions.\n")


def _words(one: HeatmapTarget) -> list[Text]:
    """Returns an element's name or else its tag, its role and its selector: texts of a page, without markup."""
    element = one.target
    return [Text(_printable(part)) for part in (element.name or f"<{element.tag}>", element.role, element.selector)]


def _printable(text: str) -> str:
    """Returns a text without characters that a terminal obeys."""
    return "".join(character if character.isprintable() else " " for character in text)


def _named(kind: str) -> HeatmapKind:
    try:
        return HeatmapKind[kind.upper()]
    except KeyError:
        names = ", ".join(one.name.lower() for one in HeatmapKind)
        raise CommandError(f"--kind: {kind!r} is not one of {names}") from None


def _device(name: str) -> DeviceType:
    known: dict[str, DeviceType] = {str(value.name).lower(): value for value in DeviceType if value != 0}
    if name.lower() not in known:
        raise CommandError(f"--device: {name!r} is not one of {', '.join(known)}")
    return known[name.lower()]


def _heatmap(answer: GetHeatmapResponse) -> Heatmap:
    points = tuple(HeatmapPoint(one.x_percent, one.y_percent, one.count, one.intensity) for one in answer.points)
    counted = HeatmapCounts(
        answer.sample_count,
        answer.session_count,
        (answer.page_size.width, answer.page_size.height),
        (answer.viewport.width, answer.viewport.height),
        answer.estimated_count,
        answer.clamped_count,
    )
    return Heatmap(points, counted, answer.resolution)
