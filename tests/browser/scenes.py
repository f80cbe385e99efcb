"""Every page of the console as a user sees it: for the accessibility tests, and for the pictures in docs/."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlencode

import grpc
from afterimage.export.v1 import export_pb2, export_service_pb2, export_service_pb2_grpc
from afterimage.share.v1 import share_service_pb2 as share
from google.protobuf.duration_pb2 import Duration

from .installation import enter


@dataclass(frozen=True)
class Shown:
    """Content of the pages.

    Attributes:
        session: A session that has ended.
        heat: A page with clicks, by its normalised URL.
        widths: The viewport widths to include, as the heatmap page takes them; "": all.
    """

    session: str
    heat: str
    widths: str = ""


class Scenes:
    """Opens pages; each method returns when its page shows its main content."""

    def __init__(self, installation, shown):
        self._installation = installation
        self._shown = shown

    async def sessions(self, page):
        await self._enter(page, "/")
        await page.locator("main ul li, main tbody tr").first.wait_for()

    async def player(self, page):
        await self._enter(page, f"/sessions/{self._shown.session}?t=6")
        await _replays(page)

    async def live(self, page):
        await self._enter(page, "/live")
        await page.locator("[data-session]").first.wait_for()

    async def heatmap(self, page):
        await self._enter(page, f"/heatmap?{urlencode({'page': self._shown.heat, 'width': self._shown.widths})}")
        await page.locator("canvas[role=img]").wait_for()
        await page.frame_locator("iframe").frame_locator("iframe").locator("body").wait_for()

    async def share_dialog(self, page):
        await self._revoke_all()
        await self.player(page)
        await page.get_by_role("button", name="Share", exact=True).click()
        dialog = page.get_by_role("dialog")
        await dialog.get_by_label("Label").fill("For the designers")
        await dialog.get_by_label("Most views").fill("5")
        await dialog.get_by_label("Passcode").fill("swordfish")
        await dialog.get_by_label("Show up to").fill("0:15")
        await dialog.get_by_role("button", name="Make the link").click()
        await dialog.get_by_label("The link").wait_for()
        await dialog.get_by_role("button", name="Revoke For the designers").first.wait_for()

    async def share_form(self, page):
        await self.player(page)
        await page.get_by_role("button", name="Share", exact=True).click()
        await page.get_by_role("dialog").get_by_label("Label").wait_for()

    async def export_form(self, page):
        await self.player(page)
        await page.get_by_role("button", name="Export", exact=True).click()
        await page.get_by_role("dialog").get_by_label("Format").wait_for()

    async def exports(self, page):
        token = self._installation.token(subject="grace@loom.example")
        content = {"session": {"session_id": self._shown.session}, "format": export_pb2.EXPORT_FORMAT_HAR}
        async with grpc.aio.insecure_channel(self._installation.export_address) as channel:
            await export_service_pb2_grpc.ExportServiceStub(channel).CreateExport(
                export_service_pb2.CreateExportRequest(**content), metadata=(("authorization", f"Bearer {token}"),)
            )
        await enter(page, self._installation.url, "/", token)
        await page.locator("main ul li, main tbody tr").first.wait_for()
        await page.get_by_role("button", name=re.compile("^Exports")).click()
        await page.get_by_role("button", name=re.compile("^Download: ")).first.wait_for()

    async def export_sessions(self, page):
        await self.sessions(page)
        await page.get_by_role("button", name="Export", exact=True).click()
        await page.get_by_role("dialog").get_by_label("File").wait_for()

    async def share_download(self, page):
        await page.goto(await self._link(allow_download=True))
        await page.get_by_role("button", name="Download").click()
        await page.get_by_role("dialog").get_by_label("Format").wait_for()

    async def share(self, page):
        await page.goto(await self._link())
        await _replays(page)

    async def share_passcode(self, page):
        await page.goto(await self._link(passcode="swordfish"))
        await page.get_by_label("Passcode").wait_for()

    async def share_ready(self, page):
        await page.goto(await self._link(max_views=1))
        await page.get_by_role("button", name="Watch").wait_for()

    async def share_expired(self, page):
        await page.goto(f"{self._installation.url}/s/{'A' * 43}")
        await page.get_by_role("heading", name="This link has expired").wait_for()

    async def sign_in(self, page):
        await page.goto(f"{self._installation.url}/signin")
        await page.get_by_label("Token").wait_for()

    async def _enter(self, page, path):
        await enter(page, self._installation.url, path, self._installation.token(subject="ada@loom.example"))

    async def _revoke_all(self):
        service, metadata = self._installation.share, self._installation.metadata
        request = share.ListShareLinksRequest(session_id=self._shown.session)
        for link in (await service.ListShareLinks(request, metadata=metadata)).share_links:
            await service.RevokeShareLink(
                share.RevokeShareLinkRequest(share_link_id=link.share_link_id), metadata=metadata
            )

    async def _link(self, **wanted):
        request = share.CreateShareLinkRequest(session_id=self._shown.session, ttl=Duration(seconds=3600), **wanted)
        made = await self._installation.share.CreateShareLink(request, metadata=self._installation.metadata)
        return f"{self._installation.url}/s/{made.token}"


SCENES = (
    "sessions",
    "player",
    "live",
    "heatmap",
    "share_dialog",
    "share_form",
    "export_form",
    "export_sessions",
    "exports",
    "share_download",
    "share",
    "share_passcode",
    "share_ready",
    "share_expired",
    "sign_in",
)
"""Names of the methods of Scenes."""


async def _replays(page):
    frame = page.frame_locator("iframe[title='Replay of the recorded page']")
    # While the player goes from one stage to the next there are two; the new one is the last.
    await frame.frame_locator("iframe").last.locator("body *:visible").first.wait_for()
