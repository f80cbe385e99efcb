"""Names under which network plugins, error trackers and pages record requests.

Read from rrweb's network plugin, posthog-js, Sentry (performanceSpan, breadcrumb), Highlight, OpenReplay, HAR 1.2,
axios, Node and Apollo. Names are compared without case, dashes and underscores: `request_body` is `requestBody`.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

MAX_NAME = 64
"""Maximum characters of a name with a meaning; names are the visitor's, and short ones are cached."""

HEADERS: Final = frozenset(
    """
    headers header httpheaders rawheaders cookies trailers requestheaders reqheaders responseheaders resheaders
    requestcookies responsecookies allheaders responseheadersraw
    """.split()
)
REQUEST_BODIES: Final = frozenset(
    """
    requestbody reqbody requestdata reqdata requestpayload requesttext requestparams postdata postbody
    postparams postpayload formdata formbody formvalues formfields variables graphqlvariables bodyparams
    bodytext rawbody rawpostdata bodystring multipart httpbody
    """.split()
)
"""Names of request bodies in any object."""

RESPONSE_BODIES: Final = frozenset(
    """
    responsebody resbody responsedata resdata responsepayload responsetext responsejson responsexml
    responsestring rawresponse
    """.split()
)
BODIES: Final = frozenset({"body", "payload"})
"""Names of the body of the request or of the response that they are in; in other objects, of a request."""

INNER_BODIES: Final = frozenset({"data", "content", "text", "json", "form", "params", "result", "fields", "value"})
"""Names of a body inside a request or a response only."""

REQUESTS: Final = frozenset({"request", "req", "requestinfo", "requestinit"})
RESPONSES: Final = frozenset({"response", "res", "resp", "responseinfo"})
PARAMETERS: Final = frozenset(
    """
    querystring queryparams queryparameters searchparams urlparams urlparameters queryarguments
    """.split()
)
NAMES_OF_VALUES: Final = ("name", "key", "field", "header", "label", "id")
"""Keys of the name in a pair such as {name: "password", value: "secret"}."""

VALUES: Final = ("value", "val", "values")

KNOWN_NUMBERS: Final = frozenset(
    """
    status statuscode responsestatus starttime endtime duration timestamp starttimestamp endtimestamp timeorigin
    time transfersize encodedbodysize decodedbodysize size requestbodysize responsebodysize width height x y top
    left nodeid depth
    """.split()
)
"""Keys of numbers that are not personal data: states, times and sizes."""

KNOWN_WORDS: Final = frozenset(
    """
    get head post put patch delete options connect trace log info debug warn warning error assert dir table
    group count xmlhttprequest xhr fetch beacon script link css img image iframe font audio video navigation
    resource other http/1.0 http/1.1 h2 h3 default console ui.click ui.input ui.focus ui.blur resource.fetch
    resource.xhr resource.script resource.css resource.img resource.link resource.other navigation.navigate
    navigation.push navigation.reload true false null
    """.split()
)
"""Words of recorders that are not personal data, in lower case."""

URL_NAMES: Final = frozenset(
    """
    href url uri to from path pathname route location referrer referer name description page endpoint src
    """.split()
)
"""Keys of values that may be a path without a host."""

_CLEAN_NAME = re.compile(r"[A-Za-z_$][\w$.:/-]{0,63}|\d{1,4}", re.ASCII)


def bare(name: str) -> str:
    """Returns a name in the form of the sets above; "" if it is too long to have a meaning."""
    return _bare(name) if len(name) <= MAX_NAME else ""


@lru_cache(maxsize=4096)
def _bare(name: str) -> str:
    return re.sub(r"[^a-z0-9.]", "", name.lower()).rpartition(".")[2]


def is_identifier(name: str) -> bool:
    """Returns whether a key looks like a name in a program, and not like text."""
    return _CLEAN_NAME.fullmatch(name) is not None
