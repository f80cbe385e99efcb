"""Pages of lists: sizes, tokens and their ends."""

from types import SimpleNamespace

import pytest

from services.runtime.errors import InvalidArgument
from services.runtime.rpc.paging import PageQuery, PageSizes

SIZES = PageSizes(default=3, most=5)


def query(page_size=0, page_token="", bound_to=b"project"):
    return PageQuery(SimpleNamespace(page_size=page_size, page_token=page_token), SIZES, int, bound_to)


def read_all(rows, page_size):
    pages, token = [], ""
    while True:
        page = query(page_size, token)
        after = -1 if page.after is None else page.after
        found, token = page.cut([row for row in rows if row > after][: page.limit], lambda row: row)
        pages.append(found)
        if not token:
            return pages


@pytest.mark.parametrize(("asked", "rows"), [(0, 4), (2, 3), (5, 6), (6, 6), (2**31 - 1, 6)])
def test_one_row_more_than_the_page_is_read(asked, rows):
    assert query(asked).limit == rows


@pytest.mark.parametrize(("count", "pages"), [(0, [[]]), (2, [[0, 1]]), (3, [[0, 1], [2]]), (4, [[0, 1], [2, 3]])])
def test_pages_have_every_row_once_and_the_last_has_no_token(count, pages):
    assert read_all(range(count), 2) == pages


def test_a_token_of_another_request_is_refused():
    _, token = query(1).cut([7, 8], lambda row: row)
    assert query(1, token).after == 7
    with pytest.raises(InvalidArgument, match="another filter or order"):
        query(1, token, b"another project")


@pytest.mark.parametrize("token", ["x", "!!!!", "AAAA", "A" * 400])
def test_a_malformed_token_is_refused(token):
    with pytest.raises(InvalidArgument) as caught:
        query(1, token)
    assert [violation.field for violation in caught.value.violations] == ["page_token"]


def test_a_negative_size_is_refused():
    with pytest.raises(InvalidArgument) as caught:
        query(-1)
    assert [violation.field for violation in caught.value.violations] == ["page_size"]
