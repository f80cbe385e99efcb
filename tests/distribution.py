"""Distribution of tests over processes: one file at a time, files with a costly fixture together, longest first."""

from __future__ import annotations

import re

from xdist.scheduler import LoadFileScheduling

TOGETHER = (
    "tests/browser/test_[a-o]",
    "tests/browser/test_[p-z]",
    "tests/share/",
)
"""Patterns of files that run in one process, one after the other: files of one pattern share a Chromium and an
installation of five processes, or a Redis of each kind with an AuditService. All browser tests in one process take
longer than the other tests together; more than two browsers are too much for two cores."""

LONGEST = (
    *TOGETHER,
    "tests/cli/test_up.py",
    "tests/operating/test_backup_command.py",
    "tests/audit/ingest/workers/test_pool.py",
    "tests/cli/test_backup.py",
    "tests/operating/test_backup.py",
    "tests/audit/privacy/test_privacy_end_to_end.py",
    "tests/audit/privacy/policy/test_policy_reload.py",
    "tests/operating/test_disk_faults.py",
    "tests/operating/test_full_disk.py",
    "tests/audit/ingest/test_kills.py",
    "tests/cli/test_import_export.py",
    "tests/sidecar/test_live.py",
    "tests/sidecar/test_clients.py",
    "tests/audit/ingest/test_departures.py",
    "tests/audit/ingest/workers/test_page_workers.py",
    "tests/cli/test_privacy.py",
    "tests/sidecar/test_http.py",
    "tests/audit/test_listing_rpc.py",
    "tests/audit/replay/test_replayer.py",
    "tests/audit/ingest/workers/test_soak.py",
    "tests/sidecar/test_bad_input.py",
    "tests/operating/test_rotation.py",
    "tests/operating/test_metrics.py",
    "tests/audit/storage/test_recording_store.py",
    "tests/operating/test_fault_steps.py",
    "tests/audit/privacy/masking/test_fast_way.py",
    "tests/audit/privacy/masking/test_masked_replay.py",
    "tests/audit/behaviour/test_same_numbers.py",
    "tests/sidecar/test_recovery.py",
    "tests/audit/ingest/test_record_session.py",
    "tests/audit/ingest/test_bad_chunks.py",
    "tests/audit/test_recordings.py",
    "tests/cli/test_doctor.py",
    "tests/cli/test_cli_tls.py",
    "tests/sidecar/test_beacon.py",
)
"""Files of 10 s or more, the longest first: started last, they would delay the end of the run. All others go by
their number of tests."""


class Distribution(LoadFileScheduling):
    """xdist's `--dist loadfile`, with groups of files and a custom order."""

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        return next((beginnings for beginnings in TOGETHER if re.match(beginnings, file)), file)

    def _assign_work_unit(self, node) -> None:
        first = next((scope for scope in LONGEST if scope in self.workqueue), None)
        if first is not None:
            self.workqueue.move_to_end(first, last=False)
        super()._assign_work_unit(node)
