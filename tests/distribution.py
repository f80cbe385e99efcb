"""Which test process runs what: a file at a time, together what shares something costly, the longest first."""

from __future__ import annotations

from xdist.scheduler import LoadFileScheduling

TOGETHER = (
    "tests/browser/test_accessibility",
    "tests/browser/test_recorder",
    "tests/browser/",
    "tests/share/",
)
"""Files whose names begin so run in one process, one after the other: they share a Chromium and an installation of
five processes, or a Redis of each kind with an AuditService beside it. Three installations, so that three may work:
all browser tests in one or two processes are longer than the other tests together."""

LONGEST = (
    "tests/browser/",
    "tests/browser/test_accessibility",
    "tests/browser/test_recorder",
    "tests/share/",
    "tests/audit/ingest/test_kills.py",
    "tests/audit/ingest/test_workers.py",
    "tests/cli/test_import_export.py",
    "tests/sidecar/test_recovery.py",
    "tests/audit/privacy/test_privacy_end_to_end.py",
    "tests/cli/test_up.py",
    "tests/audit/storage/test_store.py",
    "tests/audit/privacy/test_fast_way.py",
    "tests/audit/privacy/test_masked_replay.py",
    "tests/audit/behaviour/test_same_numbers.py",
    "tests/audit/ingest/test_record_session.py",
    "tests/audit/ingest/test_bad_chunks.py",
    "tests/audit/test_recordings.py",
    "tests/cli/test_cli_tls.py",
    "tests/cli/test_doctor.py",
    "tests/sidecar/test_clients.py",
    "tests/sidecar/test_live.py",
    "tests/cli/test_cli_errors.py",
    "tests/cli/test_privacy.py",
    "tests/sidecar/test_fuzz.py",
    "tests/sidecar/test_beacon.py",
)
"""What would be waited for at the end, were it begun last: what takes 10 s or more, the longest first. All others go by
their number of tests."""


class Distribution(LoadFileScheduling):
    """xdist's `--dist loadfile`, with files that stay together and an order of its own."""

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        return next((beginning for beginning in TOGETHER if file.startswith(beginning)), file)

    def _assign_work_unit(self, node) -> None:
        first = next((scope for scope in LONGEST if scope in self.workqueue), None)
        if first is not None:
            self.workqueue.move_to_end(first, last=False)
        super()._assign_work_unit(node)
