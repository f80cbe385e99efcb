"""The tables of a page's nodes: byte loops over the JSON of snapshots and mutations, compiled by numba.

All compiled code is in this one file (see json_tape/kernels.py). The JSON was decoded by msgspec before, so its syntax
is not checked, but its offsets are: a text of another form ends the loops with BAD. Spans are offsets of the text.

A node is a row of `nodes`. Its siblings are linked, so that a node is added, moved and removed in constant time.
`table` finds the row of an id: a hash table with twice as many places as rows, of row numbers and one, or 0. A row of
`changes` has changed attributes. `size` has the numbers of nodes and changes, the root's row, and a number that makes
the hashes of each page different.
"""

from __future__ import annotations

import numpy as np
from numba import types

from services.audit.json_tape.jit import compiled

ID, TYPE, FLAGS, TAG, TAG_END, ATTRIBUTES, ATTRIBUTES_END, TEXT, TEXT_END = range(9)
UP, FIRST, LAST, PREVIOUS, NEXT = range(9, 14)
CHANGE, LAST_CHANGE, CHANGES = range(14, 17)
PARENT_ID, NEXT_ID, WAITING, WAITS_WITH = range(17, 21)
WIDTH = 21
"""Columns of `nodes`. The last four are those of an addition, until its mutation is applied."""

C_START, C_END, C_NEXT, C_ROW = range(4)
"""Columns of `changes`; while they are read, the last has the id of the node."""

S_NODES, S_CHANGES, S_ROOT, S_SEED = range(4)

SHADOW, SVG = 1, 2
"""Bits of FLAGS."""

SNAPSHOT, REMOVES, ADDS, TEXTS, CHANGED = range(5)
"""Kinds of JSON in the log: that of a full snapshot's node, and of the lists of a mutation."""

OK, FULL_NODES, FULL_CHANGES, BAD = range(4)
"""Results."""

NONE, _PENDING, _MOVED = -1, -2, -3
"""Values of UP: no parent, an addition without a place yet, and one of a node that has a row (FIRST)."""

ABSENT = -(2**63)

_DOCUMENT = 0
_QUOTE, _BACKSLASH, _COMMA, _COLON = 0x22, 0x5C, 0x2C, 0x3A
_OPEN_OBJECT, _CLOSE_OBJECT, _OPEN_ARRAY, _CLOSE_ARRAY = 0x7B, 0x7D, 0x5B, 0x5D


def _word(text: str) -> np.ndarray:  # type: ignore[type-arg]
    return np.frombuffer(text.encode(), np.uint8)


_KEYS = (
    *("id", "type", "tagName", "attributes", "childNodes", "textContent", "isShadow", "isSVG"),
    *("parentId", "nextId", "node", "value"),
)
"""rrweb's names of the parts that are read; their numbers begin with 1."""
_ID, _TYPE, _TAG_NAME, _ATTRIBUTES, _CHILD_NODES, _TEXT_CONTENT, _IS_SHADOW, _IS_SVG = range(1, 9)
_PARENT, _NEXT, _NODE, _VALUE = range(9, 13)
_PACKED = np.array([(int.from_bytes(key[:7].encode()), int.from_bytes(key[7:].encode())) for key in _KEYS], np.int64)
"""Each key as two numbers: of its first seven bytes, and of the rest."""

_HEAD, _SCRIPT, _STYLE, _NOSCRIPT = _word('"head"'), _word('"script"'), _word('"style"'), _word('"noscript"')
_TEMPLATE, _TITLE = _word('"template"'), _word('"title"')

_TEXT_BYTES = types.uint8[::1]
_EIGHTS = types.uint64[::1]
_TABLE = types.int64[:, ::1]
_LIST = types.int64[::1]


@compiled()
def _is(t, start, end, word):
    """Returns whether a span is a word."""
    if end - start != len(word):
        return False
    for k in range(len(word)):
        if t[start + k] != word[k]:
            return False
    return True


_ONES, _HIGHS = np.uint64(0x0101010101010101), np.uint64(0x8080808080808080)
_QUOTES, _BACKSLASHES = np.uint64(0x2222222222222222), np.uint64(0x5C5C5C5C5C5C5C5C)


@compiled()
def _string_end(t, words, i, n):
    """Returns the offset of the closing quote of a string, given that after its first; n: it is missing.

    Words of 8 bytes without quotes and backslashes are skipped (Bit Twiddling Hacks, "Determine if a word has a byte
    equal to n"): short strings take a third of the time of a loop over the bytes, long ones a tenth.
    """
    while i < n:
        if i & 7 == 0:
            k, last = i >> 3, n >> 3
            while k < last:
                quotes, backslashes = words[k] ^ _QUOTES, words[k] ^ _BACKSLASHES
                if (((quotes - _ONES) & ~quotes) | ((backslashes - _ONES) & ~backslashes)) & _HIGHS:
                    break
                k += 1
            i = k << 3
            if i >= n:
                break
        if t[i] == _QUOTE:
            return i
        i += 2 if t[i] == _BACKSLASH else 1
    return n


@compiled()
def _is_space(c):
    return c == 0x20 or c == 0x0A or c == 0x0D or c == 0x09


@compiled()
def _past(t, i, n):
    """Returns the offset after spaces, commas and colons."""
    while i < n and (_is_space(t[i]) or t[i] == _COMMA or t[i] == _COLON):
        i += 1
    return i


@compiled()
def _value_end(t, words, i, n):
    """Returns the offset after a value."""
    if i >= n:
        return n
    c = t[i]
    if c == _QUOTE:
        return min(_string_end(t, words, i + 1, n) + 1, n)
    if c != _OPEN_OBJECT and c != _OPEN_ARRAY:
        while i < n and t[i] != _COMMA and t[i] != _CLOSE_OBJECT and t[i] != _CLOSE_ARRAY and not _is_space(t[i]):
            i += 1
        return i
    depth = 0
    while i < n:
        c = t[i]
        if c == _QUOTE:
            i = _string_end(t, words, i + 1, n)
        elif c == _OPEN_OBJECT or c == _OPEN_ARRAY:
            depth += 1
        elif c == _CLOSE_OBJECT or c == _CLOSE_ARRAY:
            depth -= 1
            if depth == 0:
                return i + 1
        i += 1
    return n


@compiled()
def _key(t, words, i, n):
    """Returns the number of the key at an offset, 0 if it is unknown, and the offset of its value.

    One function for all of a key: a call costs as much as ten bytes, since it counts references to its arrays.
    """
    first = i + 1
    end = _string_end(t, words, first, n)
    number = 0
    if 2 <= end - first <= 11:
        a = b = 0
        for at in range(first, min(end, first + 7)):
            a = a << 8 | np.int64(t[at])
        for at in range(first + 7, end):
            b = b << 8 | np.int64(t[at])
        for which in range(len(_PACKED)):
            if _PACKED[which, 0] == a and _PACKED[which, 1] == b:
                number = which + 1
                break
    i = end + 1
    while i < n and (t[i] == _COLON or t[i] == 0x20 or t[i] == 0x0A or t[i] == 0x0D or t[i] == 0x09):
        i += 1
    return number, i


@compiled()
def _integer(t, i, end):
    """Returns an integer; ABSENT: another value, or more than 18 digits."""
    k = i + 1 if i < end and t[i] == 0x2D else i
    if k == end or end - k > 18:
        return ABSENT
    value = 0
    for at in range(k, end):
        if t[at] < 0x30 or t[at] > 0x39:
            return ABSENT
        value = value * 10 + (np.int64(t[at]) - 0x30)
    return -value if k > i else value


@compiled()
def _is_skipped(t, start, end, flags):
    """Returns whether a tag is that of an element with contents that are not shown; the title of a drawing is."""
    if start < 0:
        return False
    if t[start + 1] == 0x74 and _is(t, start, end, _TITLE):
        return not flags & SVG
    return (
        _is(t, start, end, _STYLE)
        or _is(t, start, end, _HEAD)
        or _is(t, start, end, _SCRIPT)
        or _is(t, start, end, _NOSCRIPT)
        or _is(t, start, end, _TEMPLATE)
    )


@compiled()
def _new_node(nodes, at):
    for column in range(WIDTH):
        nodes[at, column] = NONE
    nodes[at, ID] = nodes[at, TYPE] = nodes[at, FLAGS] = nodes[at, CHANGES] = 0
    nodes[at, PARENT_ID] = nodes[at, NEXT_ID] = ABSENT


@compiled()
def _append(nodes, parent, at):
    """Links a node as the last child."""
    last = nodes[parent, LAST]
    nodes[at, UP], nodes[at, PREVIOUS], nodes[at, NEXT] = parent, last, NONE
    if last < 0:
        nodes[parent, FIRST] = at
    else:
        nodes[last, NEXT] = at
    nodes[parent, LAST] = at


@compiled()
def _insert(nodes, parent, at, following):
    """Links a node before one of the children."""
    before = nodes[following, PREVIOUS]
    nodes[at, UP], nodes[at, PREVIOUS], nodes[at, NEXT] = parent, before, following
    nodes[following, PREVIOUS] = at
    if before < 0:
        nodes[parent, FIRST] = at
    else:
        nodes[before, NEXT] = at


@compiled()
def _unlink(nodes, at):
    """Takes a node out of its parent's children."""
    parent, before, following = nodes[at, UP], nodes[at, PREVIOUS], nodes[at, NEXT]
    if parent >= 0:
        if before < 0:
            nodes[parent, FIRST] = following
        else:
            nodes[before, NEXT] = following
        if following < 0:
            nodes[parent, LAST] = before
        else:
            nodes[following, PREVIOUS] = before
    nodes[at, UP] = nodes[at, PREVIOUS] = nodes[at, NEXT] = NONE


@compiled()
def _place(number, table, seed):
    """Returns the first place of an id in the hash table."""
    mixed = np.uint64(number) ^ np.uint64(seed)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.int64((mixed ^ (mixed >> np.uint64(31))) & np.uint64(len(table) - 1))


@compiled(types.int64(_TABLE, _LIST, _LIST, types.int64))
def find(nodes, table, size, number):
    """Returns the row of an id; NONE: unknown."""
    at = _place(number, table, size[S_SEED])
    while table[at]:
        if nodes[table[at] - 1, ID] == number:
            return table[at] - 1
        at = (at + 1) & (len(table) - 1)
    return NONE


@compiled()
def _enter(nodes, table, size, row):
    """Makes a row that of its id."""
    at = _place(nodes[row, ID], table, size[S_SEED])
    while table[at] and nodes[table[at] - 1, ID] != nodes[row, ID]:
        at = (at + 1) & (len(table) - 1)
    table[at] = row + 1


@compiled()
def _drop(nodes, table, size, number):
    """Removes an id from the hash table."""
    most = len(table) - 1
    at = _place(number, table, size[S_SEED])
    while table[at] and nodes[table[at] - 1, ID] != number:
        at = (at + 1) & most
    if not table[at]:
        return
    hole = at
    while True:
        at = (at + 1) & most
        if not table[at]:
            break
        home = _place(nodes[table[at] - 1, ID], table, size[S_SEED])
        if ((at - home) & most) >= ((at - hole) & most):
            table[hole] = table[at]
            hole = at
    table[hole] = 0


@compiled()
def _read_node(t, words, i, n, nodes, count):
    """Reads a node with all inside of it into rows from `count` on.

    Returns:
        The offset after it, the number of rows, and OK, FULL_NODES or BAD.
    """
    root, at, in_list = count, NONE, True
    while i < n:
        c = t[i]
        if _is_space(c) or c == _COMMA:
            i += 1
        elif in_list:
            i += 1
            if c == _OPEN_OBJECT:
                if count == len(nodes):
                    return i, count, FULL_NODES
                _new_node(nodes, count)
                nodes[count, UP] = at
                at, in_list = count, False
                count += 1
            elif c == _CLOSE_ARRAY and at >= 0:
                in_list = False
            else:
                return i, count, BAD
        elif c == _CLOSE_OBJECT:
            i += 1
            if _is_skipped(t, nodes[at, TAG], nodes[at, TAG_END], nodes[at, FLAGS]):
                nodes[at, FIRST] = nodes[at, LAST] = NONE
                count = at + 1  # the rows inside of it are the last ones
            if at == root:
                return i, count, OK
            done, at, in_list = at, nodes[at, UP], True
            _append(nodes, at, done)
        elif c != _QUOTE:
            return i, count, BAD
        else:
            number, i = _key(t, words, i, n)
            if i >= n:
                return n, count, BAD
            if number == _CHILD_NODES:
                if t[i] != _OPEN_ARRAY:
                    return i, count, BAD
                tag, tag_end = nodes[at, TAG], nodes[at, TAG_END]
                if _is_skipped(t, tag, tag_end, SVG):
                    i = _value_end(t, words, i, n)
                else:
                    in_list = True
                    i += 1
                continue
            first, i = i, _value_end(t, words, i, n)
            if number == _ID or number == _TYPE:
                value = _integer(t, first, i)
                if value == ABSENT:
                    return i, count, BAD
                nodes[at, ID if number == _ID else TYPE] = value
            elif number == _TAG_NAME:
                if t[first] != _QUOTE:
                    return i, count, BAD
                nodes[at, TAG], nodes[at, TAG_END] = first, i
            elif number == _ATTRIBUTES:
                nodes[at, ATTRIBUTES], nodes[at, ATTRIBUTES_END] = first, i
            elif number == _TEXT_CONTENT:
                if t[first] == _QUOTE:
                    nodes[at, TEXT], nodes[at, TEXT_END] = first, i
                elif t[first] != 0x6E:
                    return i, count, BAD
            elif t[first] == 0x74:  # true
                if number == _IS_SHADOW:
                    nodes[at, FLAGS] |= SHADOW
                elif number == _IS_SVG:
                    nodes[at, FLAGS] |= SVG
    return n, count, BAD


@compiled()
def _read_additions(t, words, i, n, nodes, count):
    """Reads the additions of a mutation into rows from `count` on; returns the number of rows, and a result."""
    i = _past(t, i, n)
    if i >= n or t[i] != _OPEN_ARRAY:
        return count, BAD
    i += 1
    while True:
        i = _past(t, i, n)
        if i < n and t[i] == _CLOSE_ARRAY:
            return count, OK
        if i >= n or t[i] != _OPEN_OBJECT:
            return count, BAD
        i += 1
        row, parent, following = NONE, ABSENT, ABSENT
        while True:
            i = _past(t, i, n)
            if i >= n:
                return count, BAD
            if t[i] == _CLOSE_OBJECT:
                i += 1
                break
            if t[i] != _QUOTE:
                return count, BAD
            number, i = _key(t, words, i, n)
            if number == _NODE:
                if row >= 0:
                    return count, BAD
                row = count
                i, count, result = _read_node(t, words, i, n, nodes, count)
                if result != OK:
                    return count, result
                continue
            first, i = i, _value_end(t, words, i, n)
            if number == _PARENT:
                parent = _integer(t, first, i)
            elif number == _NEXT:
                following = _integer(t, first, i)
        if row < 0:
            return count, BAD
        nodes[row, UP], nodes[row, PARENT_ID], nodes[row, NEXT_ID] = _PENDING, parent, following


@compiled()
def _enter_all(nodes, table, size, base, count):
    """Makes the rows from `base` on those of their ids. A node that is known keeps its row, and its contents."""
    for row in range(base, count):
        known = find(nodes, table, size, nodes[row, ID])
        if known >= 0:
            if nodes[row, UP] == _PENDING and nodes[row, FIRST] < 0:
                _unlink(nodes, known)
                for column in range(TYPE, TEXT_END + 1):
                    nodes[known, column] = nodes[row, column]
                nodes[known, CHANGE] = nodes[known, LAST_CHANGE] = NONE
                nodes[known, CHANGES] = 0
                nodes[known, UP], nodes[known, WAITING] = _PENDING, NONE
                nodes[row, UP], nodes[row, FIRST] = _MOVED, known
                continue
            _unlink(nodes, known)
        _enter(nodes, table, size, row)


@compiled()
def _link(nodes, table, size, row):
    """Gives an addition its place; returns the row of its node, or NONE if it waits for its sibling."""
    own = nodes[row, FIRST] if nodes[row, UP] == _MOVED else row
    parent = find(nodes, table, size, nodes[row, PARENT_ID])
    following = NONE if nodes[row, NEXT_ID] == ABSENT else find(nodes, table, size, nodes[row, NEXT_ID])
    if following >= 0 and following != own and nodes[following, UP] == _PENDING:
        nodes[row, WAITS_WITH] = nodes[following, WAITING]
        nodes[following, WAITING] = row
        return NONE
    _settle(nodes, table, size, own, parent, following)
    return own


@compiled()
def _settle(nodes, table, size, own, parent, following):
    if nodes[own, UP] != _PENDING:
        _unlink(nodes, own)  # added twice
    if parent < 0 or own == size[S_ROOT]:
        nodes[own, UP] = NONE
        return
    if following >= 0 and following != own and nodes[following, UP] == parent:
        _insert(nodes, parent, own, following)
    else:
        _append(nodes, parent, own)
    if nodes[own, TYPE] == _DOCUMENT and nodes[own, FIRST] >= 0:  # it replaces the frame's former ones
        other = nodes[parent, FIRST]
        while other >= 0:
            after = nodes[other, NEXT]
            if other != own:
                _unlink(nodes, other)
                _drop(nodes, table, size, nodes[other, ID])
            other = after


@compiled()
def _link_all(nodes, table, size, base, count):
    """Gives the additions from `base` on their places, in their order; each waits for its sibling."""
    for first in range(base, count):
        if nodes[first, UP] != _PENDING and nodes[first, UP] != _MOVED:
            continue
        stack = first
        nodes[first, WAITS_WITH] = NONE
        while stack >= 0:
            row = stack
            stack = nodes[row, WAITS_WITH]
            own = _link(nodes, table, size, row)
            if own >= 0:
                waiting = nodes[own, WAITING]
                nodes[own, WAITING] = NONE
                while waiting >= 0:  # the first that waits is the last in the list
                    after = nodes[waiting, WAITS_WITH]
                    nodes[waiting, WAITS_WITH] = stack
                    stack = waiting
                    waiting = after
    for row in range(base, count):  # they wait for each other
        own = nodes[row, FIRST] if nodes[row, UP] == _MOVED else row
        if nodes[own, UP] == _PENDING:
            _settle(nodes, table, size, own, find(nodes, table, size, nodes[row, PARENT_ID]), NONE)


@compiled()
def _change(t, words, i, n, kind, nodes, table, changes, size):
    """Applies the removals, changed texts or changed attributes of a mutation; returns a result."""
    i = _past(t, i, n)
    if i >= n or t[i] != _OPEN_ARRAY:
        return BAD
    i += 1
    count = size[S_CHANGES]
    while True:
        i = _past(t, i, n)
        if i < n and t[i] == _CLOSE_ARRAY:
            break
        if i >= n or t[i] != _OPEN_OBJECT:
            return BAD
        i += 1
        number, start, stop = ABSENT, NONE, NONE
        while True:
            i = _past(t, i, n)
            if i >= n:
                return BAD
            if t[i] == _CLOSE_OBJECT:
                i += 1
                break
            if t[i] != _QUOTE:
                return BAD
            key, i = _key(t, words, i, n)
            first, i = i, _value_end(t, words, i, n)
            if key == _ID:
                number = _integer(t, first, i)
            elif (kind == TEXTS and key == _VALUE) or (kind == CHANGED and key == _ATTRIBUTES):
                start, stop = first, i
        if number == ABSENT:
            return BAD
        if kind == CHANGED:
            if start >= 0:
                if count == len(changes):
                    return FULL_CHANGES
                changes[count, C_START], changes[count, C_END] = start, stop
                changes[count, C_NEXT], changes[count, C_ROW] = NONE, number
                count += 1
            continue
        row = find(nodes, table, size, number)
        if row < 0:
            continue
        if kind == REMOVES:
            _unlink(nodes, row)
            _drop(nodes, table, size, number)
        elif start >= 0 and t[start] == _QUOTE:
            nodes[row, TEXT], nodes[row, TEXT_END] = start, stop
        else:
            nodes[row, TEXT] = nodes[row, TEXT_END] = NONE
    if kind == CHANGED:
        for at in range(size[S_CHANGES], count):
            row = find(nodes, table, size, changes[at, C_ROW])
            changes[at, C_ROW] = row
            if row < 0:
                continue
            if nodes[row, LAST_CHANGE] < 0:
                nodes[row, CHANGE] = at
            else:
                changes[nodes[row, LAST_CHANGE], C_NEXT] = at
            nodes[row, LAST_CHANGE] = at
            nodes[row, CHANGES] += 1
        size[S_CHANGES] = count
    return OK


@compiled(types.UniTuple(types.int64, 2)(_TEXT_BYTES, _EIGHTS, _TABLE, types.int64, _TABLE, _LIST, _TABLE, _LIST))
def apply(t, words, log, at, nodes, table, changes, size):
    """Applies the entries of a log, each (kind, start, end), from one on. `words` is the text, 8 bytes each.

    Returns:
        A result, and the entry that it is about: with FULL_NODES and FULL_CHANGES nothing of it is applied yet.
    """
    while at < len(log):
        kind, i, n = log[at, 0], log[at, 1], log[at, 2]
        base = size[S_NODES]
        if kind == SNAPSHOT or kind == ADDS:
            if kind == SNAPSHOT:
                _, count, result = _read_node(t, words, i, n, nodes, base)
            else:
                count, result = _read_additions(t, words, i, n, nodes, base)
            if result != OK:
                return result, at
            size[S_NODES] = count
            if kind == SNAPSHOT:
                size[S_ROOT] = base
            _enter_all(nodes, table, size, base, count)
            if kind == ADDS:
                _link_all(nodes, table, size, base, count)
        else:
            result = _change(t, words, i, n, kind, nodes, table, changes, size)
            if result != OK:
                return result, at
        at += 1
    return OK, at


@compiled(types.boolean(_TABLE, types.int64, types.int64, types.int64))
def is_inside(nodes, row, root, most):
    """Returns whether a node is inside of another one, at most so deep."""
    for _ in range(most):
        if row == root:
            return True
        row = nodes[row, UP]
        if row < 0:
            return False
    return False


@compiled(types.int64(_TABLE, types.int64, _LIST))
def children(nodes, row, out):
    """Fills `out` with the rows of a node's children, as many as fit; returns their number."""
    count = 0
    at = nodes[row, FIRST]
    while at >= 0 and count < len(out):
        out[count] = at
        count += 1
        at = nodes[at, NEXT]
    return count


@compiled(types.int64(_TEXT_BYTES, _TABLE, types.int64))
def place(t, nodes, row):
    """Returns a node's position among its siblings of the same tag, from 1; those in a shadow root are apart."""
    count = 1
    at = nodes[row, PREVIOUS]
    size = nodes[row, TAG_END] - nodes[row, TAG]
    while at >= 0:
        if (
            nodes[at, TYPE] == nodes[row, TYPE]
            and (nodes[at, FLAGS] ^ nodes[row, FLAGS]) & SHADOW == 0
            and nodes[at, TAG_END] - nodes[at, TAG] == size
        ):
            k = 0
            while k < size and t[nodes[at, TAG] + k] == t[nodes[row, TAG] + k]:
                k += 1
            count += k == size
        at = nodes[at, PREVIOUS]
    return count


@compiled()
def _holds(t, start, end, word):
    """Returns whether a span contains a word."""
    last = end - len(word)
    while start <= last:
        if t[start] == word[0] and t[start + 1] == word[1]:
            k = 2
            while k < len(word) and t[start + k] == word[k]:
                k += 1
            if k == len(word):
                return True
        start += 1
    return False


@compiled(types.int64(_TEXT_BYTES, _TABLE, _TABLE, _LIST, _TEXT_BYTES, types.int64, _LIST))
def holding(t, nodes, changes, size, word, row, out):
    """Fills `out` with the nodes from a row on, in their order, with a word in the JSON of their attributes."""
    count = 0
    while row < size[S_NODES] and count < len(out):
        found = nodes[row, ATTRIBUTES] >= 0 and _holds(t, nodes[row, ATTRIBUTES], nodes[row, ATTRIBUTES_END], word)
        at = nodes[row, CHANGE]
        while at >= 0 and not found:
            found = _holds(t, changes[at, C_START], changes[at, C_END], word)
            at = changes[at, C_NEXT]
        if found:
            out[count] = row
            count += 1
        row += 1
    return count


@compiled()
def _copy(t, start, end, to, at):
    to[at : at + end - start] = t[start:end]
    return at + end - start


@compiled(types.int64(_TEXT_BYTES, _TABLE, _TABLE, _LIST, _LIST, _TEXT_BYTES, _TABLE, _LIST, _TABLE, _LIST))
def compact(t, nodes, changes, size, moved, to_t, to_nodes, to_table, to_changes, to_size):
    """Copies the nodes inside of the root into other tables and another text, in the order of the document.

    `moved` has a place for each node. The tables have room for as much as there is.

    Returns:
        The length of the text.
    """
    length = count = n_changes = 0
    root = size[S_ROOT]
    at = root
    while at >= 0:
        moved[at] = count
        for column in range(WIDTH):
            to_nodes[count, column] = nodes[at, column]
        for column in (UP, FIRST, LAST, PREVIOUS, NEXT, CHANGE, LAST_CHANGE, WAITING, WAITS_WITH):
            to_nodes[count, column] = NONE
        if at != root:
            _append(to_nodes, moved[nodes[at, UP]], count)
        for column in (TAG, ATTRIBUTES, TEXT):
            start, end = nodes[at, column], nodes[at, column + 1]
            if start >= 0:
                to_nodes[count, column] = length
                length = _copy(t, start, end, to_t, length)
                to_nodes[count, column + 1] = length
        change = nodes[at, CHANGE]
        while change >= 0:
            to_changes[n_changes, C_START] = length
            length = _copy(t, changes[change, C_START], changes[change, C_END], to_t, length)
            to_changes[n_changes, C_END] = length
            to_changes[n_changes, C_NEXT], to_changes[n_changes, C_ROW] = NONE, count
            if to_nodes[count, LAST_CHANGE] < 0:
                to_nodes[count, CHANGE] = n_changes
            else:
                to_changes[n_changes - 1, C_NEXT] = n_changes
            to_nodes[count, LAST_CHANGE] = n_changes
            n_changes += 1
            change = changes[change, C_NEXT]
        _enter(to_nodes, to_table, to_size, count)
        count += 1
        if nodes[at, FIRST] >= 0:
            at = nodes[at, FIRST]
            continue
        while at != root and nodes[at, NEXT] < 0:
            at = nodes[at, UP]
        at = NONE if at == root else nodes[at, NEXT]
    to_size[S_NODES], to_size[S_CHANGES], to_size[S_ROOT] = count, n_changes, 0
    return length


@compiled(types.void(_TABLE, _LIST, _LIST, _LIST))
def enter_again(nodes, old_table, table, size):
    """Fills an empty hash table with the nodes of another one."""
    for at in range(len(old_table)):
        if old_table[at]:
            _enter(nodes, table, size, old_table[at] - 1)
