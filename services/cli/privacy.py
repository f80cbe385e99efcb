"""`afterimage privacy`: shows the effect of the policy on a recording, and tests the policy's examples."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from afterimage_client.audit.v1 import GetSessionRequest, ReplaySessionRequest
from afterimage_client.recording.v1 import StoredChunk
from betterproto import which_one_of

from services.audit.domain_settings import read_policies
from services.audit.payload import BadPayload, Bounds, inflate, replace_lone_surrogates
from services.audit.privacy.dry_run import MaskedPlace, dry_run
from services.audit.privacy.policy.policy import Policy
from services.audit.re2_patterns import compile_pattern
from services.cli.client import TIMEOUT_S, connect
from services.cli.command import (
    Address,
    CommandError,
    Invocation,
    ProjectName,
    complain,
    invocation_of,
    run,
    telling_problems,
)
from services.cli.local import the_project
from services.cli.transfer.formats import ImportedRecording, ImportProblem, read_recordings
from services.export.rrweb_json.joining import MAX_PAYLOAD_BYTES
from services.runtime.identity.tokens import Scope
from services.runtime.settings.loader import Settings

privacy = typer.Typer(name="privacy", help="The privacy policy: try it, test its rules.", no_args_is_help=True)

Windows = Iterable[tuple[str, Sequence[bytes]]]
"""Names of windows and their events, each as JSON."""


@privacy.command()
def check(
    context: typer.Context,
    recording: Annotated[str, typer.Argument(help="A file that `afterimage import` accepts, or a session's id.")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per line and place.")] = False,
    project: ProjectName = None,
    address: Address = None,
) -> None:
    """Lists the parts of a recording that the policy would mask: place and rule, never the content.

    Nothing is stored or changed. A stored session was masked when it was recorded: only additional
    masking is listed.
    """

    async def main() -> int:
        settings, policy = _settings_and_policy(invocation_of(context), project)
        problems: list[ImportProblem] = []
        windows: Windows | None = _of_file(Path(recording), problems)
        if windows is None:
            windows = await _stored(settings, recording, address, project)
        _report(policy, windows, as_json=as_json)
        return 1 if problems else 0

    run(main())


@privacy.command("test")
def try_examples(context: typer.Context, *, project: ProjectName = None) -> None:
    """Tries each custom rule on its own examples: `matches` must be found by it, `passes` must not."""
    with telling_problems():
        settings = invocation_of(context).settings()
        policies = read_policies(settings, invocation_of(context).config)
        wrong = 0
        for name in [the_project(settings, project)] if project else policies:
            for sentence, good in _tried(policies[name]):
                wrong += not good
                sys.stdout.write(f"{name}: {sentence}\n")
        if wrong:
            raise CommandError(f"{wrong} example{'' if wrong == 1 else 's'} of the policy failed")


def _settings_and_policy(invocation: Invocation, project: str | None) -> tuple[Settings, Policy]:
    settings = invocation.settings()
    policy = read_policies(settings, invocation.config)[the_project(settings, project)]
    for warning in policy.warnings:
        complain(f"warning: {warning}")
    return settings, policy


def _tried(policy: Policy) -> Iterator[tuple[str, bool]]:
    """Yields a sentence for each custom rule and for each failed example, which is named by its place."""
    custom = [rule for rule in policy.rules if rule.custom]
    if not custom:
        yield "no custom rules", True
    for rule in custom:
        pattern = compile_pattern(rule.pattern)
        for key, examples, wanted in (("matches", rule.matches, True), ("passes", rule.passes, False)):
            for number, example in enumerate(examples, 1):
                if (pattern.search(example.encode()) is not None) is not wanted:
                    yield f"{rule.name}: {key}, example {number}: {'is not' if wanted else 'is'} found", False
        count = len(rule.matches) + len(rule.passes)
        yield f"{rule.name}: {count} example{'' if count == 1 else 's'} tried", True


def _report(policy: Policy, windows: Windows, *, as_json: bool) -> None:
    totals: Counter[str] = Counter()
    events = places = 0
    for name, texts in windows:
        events += len(texts)
        if not as_json:
            sys.stdout.write(f"{name}: {len(texts):,} events\n")
        for place in dry_run(policy, texts):
            places += 1
            totals.update(place.found)
            sys.stdout.write((_line(name, place) if as_json else _row(place)) + "\n")
    if as_json:
        return
    for what, count in totals.most_common():
        rule, field = what.split(" ")
        sys.stdout.write(f"{rule} in {field}: {count:,}\n")
    sys.stdout.write(f"{places:,} places in {events:,} events would be masked (policy {policy.version})\n")


def _row(place: MaskedPlace) -> str:
    return f"  event {place.event}  {place.path}  {_spoken(place.found) or 'masked by the browser'}"


def _line(window: str, place: MaskedPlace) -> str:
    return json.dumps({"window": window, "event": place.event, "path": place.path, "found": place.found})


def _spoken(found: dict[str, int]) -> str:
    """Returns the rules that found something: "email x2, phone"."""
    rules: Counter[str] = Counter()
    for what, count in found.items():
        rules[what.split(" ")[0]] += count
    return ", ".join(rule if count == 1 else f"{rule} x{count}" for rule, count in rules.items())


def _of_file(path: Path, problems: list[ImportProblem]) -> Windows | None:
    """Yields the windows of a file, and reports unreadable parts; None: the file does not exist."""
    if not path.is_file():
        return None

    def read() -> Iterator[tuple[str, Sequence[bytes]]]:
        for found in read_recordings(path):
            if isinstance(found, ImportProblem):
                problems.append(found)
                complain(str(found))
            elif isinstance(found, ImportedRecording):
                yield from ((f"{found.foreign_id} {one.foreign_id}", one.events) for one in found.windows)

    return read()


async def _stored(
    settings: Settings, session: str, address: str | None, project: str | None
) -> list[tuple[str, Sequence[bytes]]]:
    """Returns the windows of a stored session."""
    windows: dict[str, list[bytes]] = {}
    bounds = Bounds(MAX_PAYLOAD_BYTES, MAX_PAYLOAD_BYTES, max_inflation=0)
    async with connect(settings, [Scope.VIEW], address=address, project=project) as client:
        await client.audit.get_session(GetSessionRequest(session_id=session), timeout=TIMEOUT_S)
        async for part in client.audit.replay_session(ReplaySessionRequest(session_id=session)):
            match which_one_of(part, "message"):
                case ("chunk", StoredChunk() as chunk):
                    try:
                        text = replace_lone_surrogates(inflate(chunk.payload, bounds))
                        raws = msgspec.json.decode(text, type=list[msgspec.Raw])
                    except (BadPayload, msgspec.MsgspecError, RecursionError) as error:
                        raise CommandError(f"chunk {chunk.seq} of window {chunk.window_id}: {error}") from error
                    windows.setdefault(chunk.window_id, []).extend(map(bytes, raws))
                case _:
                    pass
    return list(windows.items())
