"""Scopes that permit each RPC method: the one table, for the services and for the sidecar's routes."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from services.runtime.identity.tokens import Scope

if TYPE_CHECKING:
    from collections.abc import Mapping

AUDIT = "afterimage.audit.v1.AuditService"
SHARE = "afterimage.share.v1.ShareService"
EXPORT = "afterimage.export.v1.ExportService"
RECORDING = f"{AUDIT}.RecordSession"
"""Name of AuditService's health for recorders: they are refused while its disk is almost full, and reads go on."""

_VIEW = frozenset({Scope.VIEW})
_ADMIN = frozenset({Scope.ADMIN})
_SHARE = frozenset({Scope.SHARE})
_EXPORT = frozenset({Scope.EXPORT})

SCOPES: Mapping[str, frozenset[Scope] | None] = MappingProxyType(
    {
        f"/{AUDIT}/RecordSession": frozenset({Scope.RECORD, Scope.ADMIN}),
        f"/{AUDIT}/ListSessions": _VIEW,
        f"/{AUDIT}/GetSession": _VIEW,
        f"/{AUDIT}/GetReplayStart": _VIEW,
        f"/{AUDIT}/ReplaySession": _VIEW,
        f"/{AUDIT}/WatchSessions": _VIEW,
        f"/{AUDIT}/GetHeatmap": _VIEW,
        f"/{AUDIT}/ListPages": _VIEW,
        f"/{AUDIT}/ListInteractions": _VIEW,
        f"/{AUDIT}/DeleteSessions": _ADMIN,
        f"/{AUDIT}/ListAccessEvents": _ADMIN,
        f"/{AUDIT}/RecordAccessEvents": frozenset({Scope.INTERNAL}),
        f"/{AUDIT}/ListDeletions": frozenset({Scope.INTERNAL}),
        f"/{AUDIT}/GetPrivacyPolicy": frozenset({Scope.RECORD, Scope.VIEW}),
        f"/{SHARE}/CreateShareLink": _SHARE,
        f"/{SHARE}/ListShareLinks": _SHARE,
        f"/{SHARE}/GetShareLink": None,
        f"/{SHARE}/RedeemShareLink": None,
        f"/{SHARE}/RevokeShareLink": _SHARE,
        f"/{EXPORT}/CreateExport": _EXPORT,
        f"/{EXPORT}/GetExport": _EXPORT,
        f"/{EXPORT}/ListExports": _EXPORT,
        f"/{EXPORT}/CancelExport": _EXPORT,
        f"/{EXPORT}/DeleteExport": _EXPORT,
        f"/{EXPORT}/DownloadExport": _EXPORT,
        f"/{EXPORT}/WatchExports": _EXPORT,
    }
)
"""By full method name, the scopes of which a caller needs one. None: no access token; a link's own token instead."""

GRANT_METHODS = frozenset(
    {
        *(f"/{AUDIT}/{name}" for name in ("GetSession", "ReplaySession", "ListInteractions")),
        *(
            f"/{EXPORT}/{name}"
            for name in ("CreateExport", "GetExport", "CancelExport", "DownloadExport", "WatchExports")
        ),
    }
)
"""Full names of the methods that a share grant opens, if it has the scope. AuditService limits each of them to the
shared range, and ExportService to exports that were created with the link."""


def scopes_of(service: str) -> dict[str, frozenset[Scope] | None]:
    """Returns the part of `SCOPES` with the methods of one service, given by its full name."""
    return {method: scopes for method, scopes in SCOPES.items() if method.startswith(f"/{service}/")}
