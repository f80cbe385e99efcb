"""Conversion between the contract's messages about heatmaps, pages and interactions, and the domain's values."""

from __future__ import annotations

from collections.abc import Sequence

from afterimage.audit.v1 import audit_service_pb2 as pb
from afterimage.audit.v1 import heatmap_pb2
from afterimage.recording.v1 import interaction_pb2, session_pb2

from services.audit import enums
from services.audit.behaviour.heatmap import Heatmap, HeatmapQuery, heatmap_query
from services.audit.convert import values
from services.audit.model import SessionKey
from services.audit.storage.interaction_queries import DEFAULT_KINDS, PageCount, PagesWanted, StoredInteraction
from services.runtime.errors import Violations

MAX_CONTAINS = 256


def wanted_heatmap(request: pb.GetHeatmapRequest) -> HeatmapQuery:
    """Returns the query for a heatmap.

    Raises:
        InvalidArgument: Naming the invalid fields.
    """
    problems = Violations()
    device_types = values.numbers(enums.convert_device_type_to_number, "device_types", request.device_types, problems)
    actor_types = values.numbers(enums.convert_actor_type_to_number, "actor_types", request.actor_types, problems)
    problems.raise_if_any()
    return heatmap_query(
        page=request.page,
        kind=request.kind,
        start_ms=values.milliseconds(request.start_time) if request.HasField("start_time") else None,
        end_ms=values.milliseconds(request.end_time) if request.HasField("end_time") else None,
        device_types=device_types,
        actor_types=actor_types,
        min_viewport_width=request.min_viewport_width,
        max_viewport_width=request.max_viewport_width,
        resolution=request.resolution,
        max_points=request.max_points,
        smoothing=request.smoothing if request.HasField("smoothing") else None,
        normalise_percentile=request.normalise_percentile if request.HasField("normalise_percentile") else None,
        max_targets=request.max_targets if request.HasField("max_targets") else None,
    )


def heatmap_answer(packed: bytes) -> pb.GetHeatmapResponse:
    """Returns the message of a heatmap packed by `pack_heatmap`."""
    return pb.GetHeatmapResponse.FromString(packed)


def pack_heatmap(found: Heatmap) -> bytes:
    """Returns a heatmap as a serialised message."""
    counted = found.counted
    answer = pb.GetHeatmapResponse(
        points=[
            heatmap_pb2.HeatmapPoint(
                x_percent=point.x_percent, y_percent=point.y_percent, count=point.count, intensity=point.intensity
            )
            for point in found.points
        ],
        sample_count=counted.samples,
        session_count=counted.sessions,
        page_size=session_pb2.Size(width=counted.page_size[0], height=counted.page_size[1]),
        viewport=session_pb2.Size(width=counted.viewport[0], height=counted.viewport[1]),
        resolution=found.resolution,
        estimated_count=counted.estimated,
        clamped_count=counted.clamped,
        anchored_count=counted.anchored,
        devices=[
            heatmap_pb2.HeatmapDevice(device_type=values.known(enums.device_type, number), session_count=sessions)
            for number, sessions in counted.devices
        ],
        targets=[
            heatmap_pb2.HeatmapTarget(
                target=values.target(one.target),
                count=one.samples,
                session_count=one.sessions,
                rage_click_count=one.rage_clicks,
                dead_click_count=one.dead_clicks,
            )
            for one in found.targets.listed
        ],
        targets_truncated=found.targets.is_truncated,
        target_sample_fraction=found.targets.fraction,
    )
    return answer.SerializeToString()


def wanted_pages(request: pb.ListPagesRequest) -> PagesWanted:
    """Returns the query for a list of pages.

    Raises:
        InvalidArgument: Naming the invalid fields.
    """
    problems = Violations()
    start_ms = values.milliseconds(request.start_time) if request.HasField("start_time") else None
    end_ms = values.milliseconds(request.end_time) if request.HasField("end_time") else None
    if start_ms is not None and end_ms is not None and end_ms < start_ms:
        problems.add("end_time", "is before start_time")
    if len(request.contains) > MAX_CONTAINS:
        problems.add("contains", f"has {len(request.contains)} characters, over {MAX_CONTAINS}")
    problems.raise_if_any()
    return PagesWanted(request.contains, start_ms, end_ms)


def page_summary(found: PageCount) -> heatmap_pb2.PageSummary:
    """Returns a page."""
    return heatmap_pb2.PageSummary(
        page=found.page,
        interaction_count=found.interactions,
        click_count=found.clicks,
        session_count=found.sessions,
        last_time=values.timestamp(found.last_ms),
    )


def wanted_kinds(request: pb.ListInteractionsRequest) -> Sequence[int]:
    """Returns the requested kinds of interaction.

    Raises:
        InvalidArgument: If one of them is unknown.
    """
    problems = Violations()
    kinds = values.numbers(enums.interaction_kind.to_number, "kinds", request.kinds, problems)
    problems.raise_if_any()
    return tuple(sorted(set(kinds))) or DEFAULT_KINDS


def interaction(key: SessionKey, first_ms: int, found: StoredInteraction) -> interaction_pb2.Interaction:
    """Returns an interaction of a session; `first_ms` is the time of the session's first event."""
    return interaction_pb2.Interaction(
        session_id=str(key.session),
        window_id=str(found.window),
        seq=found.seq,
        kind=values.known(enums.interaction_kind, found.kind),
        time=values.timestamp(found.time_ms),
        offset=values.duration(max(0, found.time_ms - first_ms)),
        page=found.page,
        x_percent=found.x_percent or 0.0,
        y_percent=found.y_percent or 0.0,
        node_id=found.node_id,
        viewport=session_pb2.Size(width=found.viewport[0], height=found.viewport[1]),
        count=found.count,
        detail=found.detail,
        target=values.target(found.target),
        number=found.number,
    )
