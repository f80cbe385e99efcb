"""The one table of scopes."""

from afterimage.audit.v1 import audit_service_pb2
from afterimage.export.v1 import export_service_pb2
from afterimage.share.v1 import share_service_pb2

from services.runtime.identity.tokens import Scope
from services.runtime.rpc.scopes import AUDIT, EXPORT, GRANT_METHODS, SCOPES, SHARE, scopes_of

AUDIT_SERVICE = audit_service_pb2.DESCRIPTOR.services_by_name["AuditService"]
SHARE_SERVICE = share_service_pb2.DESCRIPTOR.services_by_name["ShareService"]
EXPORT_SERVICE = export_service_pb2.DESCRIPTOR.services_by_name["ExportService"]
SERVICES = (AUDIT_SERVICE, SHARE_SERVICE, EXPORT_SERVICE)


def test_every_method_of_the_contract_has_a_row_and_every_row_a_method():
    methods = {f"/{service.full_name}/{method.name}" for service in SERVICES for method in service.methods}
    assert set(SCOPES) == methods
    assert tuple(service.full_name for service in SERVICES) == (AUDIT, SHARE, EXPORT)
    assert scopes_of(AUDIT) | scopes_of(SHARE) | scopes_of(EXPORT) == SCOPES


def test_two_methods_need_no_token_and_two_are_internal():
    assert {method for method, scopes in SCOPES.items() if scopes is None} == {
        f"/{SHARE}/GetShareLink",
        f"/{SHARE}/RedeemShareLink",
    }
    assert {method for method, scopes in SCOPES.items() if scopes and Scope.INTERNAL in scopes} == {
        f"/{AUDIT}/RecordAccessEvents",
        f"/{AUDIT}/ListDeletions",
    }


def test_grants_open_only_methods_of_viewers_and_of_exports():
    assert {scope for method in GRANT_METHODS for scope in SCOPES[method]} == {Scope.VIEW, Scope.EXPORT}
    # Lists and deletions are for holders of a token of their own.
    assert not [method for method in GRANT_METHODS if "List" in method.rpartition("/")[2] and EXPORT in method]
    assert f"/{EXPORT}/DeleteExport" not in GRANT_METHODS
