"""The numbers of the access trail's enums."""

from afterimage.audit.v1 import access_event_pb2

from services.runtime.access_actions import AccessAction, AccessOutcome


def test_the_numbers_are_the_contracts():
    for kind, wrapper, prefix in (
        (AccessAction, access_event_pb2.AccessAction, "ACCESS_ACTION_"),
        (AccessOutcome, access_event_pb2.AccessOutcome, "ACCESS_OUTCOME_"),
    ):
        named = {prefix + member.name: member.value for member in kind}
        assert named == {name: number for name, number in wrapper.items() if number}
