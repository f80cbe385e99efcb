"""Frames of the recording log on a disk that loses its power at any moment: each written one is there."""

from __future__ import annotations

import random
import threading
import time
import uuid

import pytest
from support.cuttable_disk import cuttable_disk

from services.audit.ingest.log.recording_log import RecordingLog


@pytest.mark.chaos
@pytest.mark.campaign
@pytest.mark.timeout(3_600)
def test_a_frame_that_was_written_outlives_a_power_cut(tmp_path, campaign_rounds):
    """The sync may meet the cut: on ext4 it may then succeed although the journal has failed."""
    choices = random.Random(20261130)
    for _ in range(campaign_rounds(5, 300)):
        with cuttable_disk(tmp_path / uuid.uuid4().hex, 128 << 20) as disk:
            log = RecordingLog.open(disk.path / "log")
            log.write(b"first")
            written = [b"first"]

            def write(log=log, written=written) -> None:
                while True:
                    body = choices.randbytes(choices.randrange(1, 8_000))
                    try:
                        log.write(body)
                    except OSError:
                        return
                    written.append(body)

            writing = threading.Thread(target=write)
            writing.start()
            time.sleep(choices.uniform(0.01, 0.15))
            disk.cut()
            writing.join()
            log.close()
            disk.mount_again()
            log = RecordingLog.open(disk.path / "log")
            found = [body for body, _ in log.read(log.begin, log.end)]
            assert found[: len(written)] == written
            log.close()
