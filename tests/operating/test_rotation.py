"""Rotation of the signing secret by the commands of docs/operating.md: tokens end, share links stay."""

from __future__ import annotations

import pytest

from .installation import SAMPLES, OperatedInstallation, commands, session_ids, shell

LIST = "afterimage.audit.v1.AuditService/ListSessions"
LOOK = "afterimage.share.v1.ShareService/GetShareLink"
REDEEM = "afterimage.share.v1.ShareService/RedeemShareLink"


@pytest.mark.timeout(900)  # an installation is started twice
def test_new_secret_ends_tokens_and_keeps_share_links(tmp_path):
    (rotate,) = commands("operating.md", "## Rotate keys and secrets")
    write, restart = rotate.splitlines()
    assert restart == "systemctl restart afterimage-up"
    installation = OperatedInstallation(tmp_path, AFTERIMAGE_INGEST__WORKERS="0")
    with installation:
        installation.run("import", SAMPLES[0])
        (session,) = session_ids(installation.run("sessions", "--json"))
        old = installation.run("token", "--scope", "view").strip()
        link = installation.run("share", "create", session, "--ttl", "1d").split("/s/")[1].split()[0]
        assert installation.call(LIST, {}, old)[0] == 200
        status, redeemed = installation.call(REDEEM, {"token": link}, "")
        assert status == 200

    file = tmp_path / "secrets.env"
    shell(write.replace("/etc/afterimage/secrets.env", str(file)))
    assert file.stat().st_mode & 0o777 == 0o600
    name, _, secret = file.read_text().strip().partition("=")
    assert len(secret) == 64
    assert installation.environment[name] != secret
    installation.environment[name] = secret

    with installation:
        status, answer = installation.call(LIST, {}, old)
        assert (status, answer["details"][0]["debug"]["reason"]) == (401, "TOKEN_INVALID")
        status, answer = installation.call(LIST, {}, redeemed["grantToken"])
        assert (status, answer["details"][0]["debug"]["reason"]) == (401, "TOKEN_INVALID")
        assert installation.call(LIST, {}, installation.run("token", "--scope", "view").strip())[0] == 200
        assert installation.call(LOOK, {"token": link}, "")[0] == 200
        status, renewed = installation.call(REDEEM, {"renewalHandle": redeemed["renewalHandle"]}, "")
        assert (status, renewed["sessionId"]) == (200, session)
