"""The one table of scopes."""

from afterimage.audit.v1 import audit_service_pb2
from afterimage.share.v1 import share_service_pb2

from services.runtime.identity.tokens import Scope
from services.runtime.rpc.scopes import AUDIT, GRANT_METHODS, SCOPES, SHARE, scopes_of

AUDIT_SERVICE = audit_service_pb2.DESCRIPTOR.services_by_name["AuditService"]
SHARE_SERVICE = share_service_pb2.DESCRIPTOR.services_by_name["ShareService"]


def test_every_method_of_the_contract_has_a_row_and_every_row_a_method():
    methods = {
        f"/{service.full_name}/{method.name}"
        for service in (AUDIT_SERVICE, SHARE_SERVICE)
        for method in service.methods
    }
    assert set(SCOPES) == methods
    assert (AUDIT_SERVICE.full_name, SHARE_SERVICE.full_name) == (AUDIT, SHARE)
    assert scopes_of(AUDIT) | scopes_of(SHARE) == SCOPES


def test_only_two_methods_need_no_token_and_one_is_internal():
    assert {method for method, scopes in SCOPES.items() if scopes is None} == {
        f"/{SHARE}/GetShareLink",
        f"/{SHARE}/RedeemShareLink",
    }
    assert {method for method, scopes in SCOPES.items() if scopes and Scope.INTERNAL in scopes} == {
        f"/{AUDIT}/RecordAccessEvents"
    }


def test_grants_open_only_methods_of_viewers():
    assert all(SCOPES[method] == {Scope.VIEW} for method in GRANT_METHODS)
