"""The state of a window after its last chunk, with its codec; shared by the writer and the reader."""

from __future__ import annotations

import msgspec
import structlog

from services.audit.behaviour.interactions import BehaviourState
from services.audit.model import Total, Totals
from services.audit.privacy.masking.node_flags import MaskState
from services.runtime.play_clock import PlayClock

_log = structlog.get_logger("afterimage.window_state")

STATE_VERSION = 1


class WindowState(msgspec.Struct, array_like=True, frozen=True):
    """State of a window after its last chunk. Add fields at the end only, with defaults."""

    version: int = STATE_VERSION
    seq: int = 0
    totals: Totals = (0,) * len(Total)
    order_ms: int = 0
    active_ms: int = -1
    """Time of the visitor's last action; -1: none yet."""
    meta_seq: int = 0
    """Chunk of the last Meta event not yet followed by a full snapshot; 0: none."""
    url: str = ""
    width: int = 0
    height: int = 0
    mask: MaskState = MaskState()
    """Nodes that masking watches."""
    leaks: dict[str, int] = {}
    """Number of values that the browser sent unmasked and the server masked, by "rule field_class"."""
    behaviour: BehaviourState = msgspec.field(default_factory=BehaviourState)
    """The detectors' state (`ingest.detect`)."""
    clock: PlayClock = PlayClock()
    """The visitor's clock."""
    last_event: int = 0
    """Checksum of the last event, as in `play_time.Played`."""

    def play_clock(self) -> PlayClock:
        """Returns the visitor's clock; that of a window stored before it was kept begins with its latest known time."""
        if self.clock.latest_ms:
            return self.clock
        return PlayClock(max(int(self.behaviour.clock_ms), self.order_ms))


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(WindowState)


def dump_state(state: WindowState) -> bytes:
    """Returns the state as stored: MessagePack, about 60 bytes plus the page's URL."""
    return _encoder.encode(state)


def load_state(data: bytes) -> WindowState:
    """Returns a stored state; totals added since it was written begin at 0."""
    state = _decoder.decode(data)
    missing = len(Total) - len(state.totals)
    return msgspec.structs.replace(state, totals=state.totals + (0,) * missing) if missing > 0 else state


def read_state(data: bytes) -> WindowState:
    """Returns a stored state. An unreadable state resets the counts, but never stops a recording."""
    try:
        return load_state(data)
    except msgspec.MsgspecError:
        _log.error("a stored state cannot be read; its counts restart at 0")
        return WindowState()
