"""gRPC servicer of ShareService: converts messages in and out around the domain logic."""

from __future__ import annotations

from typing import Any

import grpc
from afterimage.share.v1 import share_service_pb2 as pb
from afterimage.share.v1 import share_service_pb2_grpc

from services.runtime.access_actions import AccessAction
from services.runtime.identity.peer import PeerReader
from services.runtime.identity.tokens import Identity, current_identity
from services.runtime.rpc.paging import PageQuery, PageSizes
from services.share import convert
from services.share.links import Links
from services.share.model import LinkCursor

SERVICE = convert.SERVICE

RECORDED = {
    f"/{SERVICE}/CreateShareLink": AccessAction.SHARE_CREATE,
    f"/{SERVICE}/RevokeShareLink": AccessAction.SHARE_REVOKE,
}
"""Methods recorded in the trail even when the caller's token does not allow them."""

PAGE_SIZES = PageSizes(default=50, most=500)

Context = grpc.aio.ServicerContext[Any, Any]


class ShareServicer(share_service_pb2_grpc.ShareServiceServicer):
    """The RPCs of ShareService.

    Args:
        links: The domain logic.
        callers: Determines the origin of calls.
        max_ttl_s: Maximum lifetime of a link, in seconds.
        public_url: Prefix of link addresses, without a trailing slash.
    """

    def __init__(self, links: Links, callers: PeerReader, *, max_ttl_s: float, public_url: str) -> None:
        self._links = links
        self._callers = callers
        self._max_ttl_s = max_ttl_s
        self._public_url = public_url

    async def CreateShareLink(self, request: pb.CreateShareLinkRequest, context: Context) -> pb.CreateShareLinkResponse:
        """Creates a link."""
        wanted = convert.new_link(request, self._max_ttl_s)
        link, token = await self._links.create(current_identity(), self._callers.read(context), wanted)
        return pb.CreateShareLinkResponse(
            share_link=convert.share_link(link), token=token, url=f"{self._public_url}/s/{token}"
        )

    async def ListShareLinks(self, request: pb.ListShareLinksRequest, context: Context) -> pb.ListShareLinksResponse:
        """Lists links."""
        identity = current_identity()
        session_id = convert.to_list(request)
        fields = (identity.project.encode(), session_id.encode(), request.created_by.encode())
        page = PageQuery(request, PAGE_SIZES, LinkCursor, *fields)
        links = await self._links.list(identity, session_id, request.created_by, page.limit, page.after)
        links, token = page.cut(links, lambda link: LinkCursor(link.created_ms, link.link_id))
        return pb.ListShareLinksResponse(share_links=map(convert.share_link, links), next_page_token=token)

    async def GetShareLink(self, request: pb.GetShareLinkRequest, context: Context) -> pb.GetShareLinkResponse:
        """Returns the information that a visitor may see."""
        return convert.looked_up(await self._links.look(request.token, self._callers.read(context)))

    async def RedeemShareLink(self, request: pb.RedeemShareLinkRequest, context: Context) -> pb.RedeemShareLinkResponse:
        """Exchanges a token, or a renewal handle, for a grant."""
        convert.to_redeem(request)
        caller = self._callers.read(context)
        if request.renewal_handle:
            return convert.grant(await self._links.renew(request.renewal_handle, caller))
        return convert.grant(await self._links.redeem(request.token, request.passcode, caller))

    async def RevokeShareLink(self, request: pb.RevokeShareLinkRequest, context: Context) -> pb.RevokeShareLinkResponse:
        """Ends a link."""
        link_id = convert.link_id(request.share_link_id)
        revoked_ms = await self._links.revoke(current_identity(), self._callers.read(context), link_id)
        return pb.RevokeShareLinkResponse(revoke_time=convert.timestamp(revoked_ms))

    async def denied(self, method: str, identity: Identity, request: Any, context: Context) -> None:
        """Records a call that the caller's token does not allow."""
        if action := RECORDED.get(method):
            self._links.denied(action, identity, self._callers.read(context), convert.named(request))
