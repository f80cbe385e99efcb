"""Parses user agent strings: browser, system, device type, and whether it is a bot."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from ua_parser import parse

DESKTOP, MOBILE, TABLET, OTHER = 1, 2, 3, 4
"""The contract's DeviceType."""

_DESKTOP_SYSTEMS = frozenset(
    {"Windows", "Mac OS X", "Linux", "Ubuntu", "Fedora", "Chrome OS", "FreeBSD", "OpenBSD", "Debian"}
)
_BOT_DEVICE = "Spider"
"""uap-core's device family for crawlers."""


@dataclass(frozen=True, slots=True)
class Device:
    """The device that a user agent string describes; empty and 0: unknown."""

    browser: str = ""
    system: str = ""
    device_type: int = 0
    is_bot: bool = False


MAX_CACHED_LENGTH = 512
"""Maximum characters of a user agent with a cached device; browsers send about 120."""


def recognise(user_agent: str) -> Device:
    """Returns the device that ua-parser (uap-core's patterns) finds in a user agent string."""
    return _known(user_agent) if len(user_agent) <= MAX_CACHED_LENGTH else _recognise(user_agent)


def _recognise(user_agent: str) -> Device:
    if not user_agent:
        return Device()
    found = parse(user_agent)
    browser = found.user_agent.family if found.user_agent else ""
    system = found.os.family if found.os else ""
    family = found.device.family if found.device else ""
    if family == _BOT_DEVICE:
        return Device(browser, system, 0, is_bot=True)
    if "iPad" in user_agent or "Tablet" in user_agent or ("Android" in user_agent and "Mobile" not in user_agent):
        device_type = TABLET
    elif "Mobi" in user_agent or "iPhone" in user_agent:
        device_type = MOBILE
    elif system in _DESKTOP_SYSTEMS:
        device_type = DESKTOP
    else:
        device_type = OTHER if system or family else 0
    return Device(browser, system, device_type)


_known = lru_cache(maxsize=4096)(_recognise)
