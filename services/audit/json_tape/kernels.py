r"""The walk itself: byte loops, compiled by numba.

Everything that is compiled into one function is in one file, including constants: numba's cache checks the age of the
function's own file only, not of the files it uses. Each function also runs uncompiled (`.py_func`), as in the tests.

The text is JSON already decoded by msgspec, so its syntax is not checked, but its offsets are: a truncated text ends
the walk. `count` and `replace_halves` run before that, over any bytes.
"""

from __future__ import annotations

import numpy as np
from numba import types

from services.audit.json_tape.jit import compiled

# Columns of the tables, in the order of the classes in tape.py (verified by a test).
E_START, E_END, E_TYPE, E_SOURCE, E_STATUS, E_ROWS, E_ROWS_END, E_ID, E_TEXT, E_TEXT_END = range(10)
E_DATA, E_DATA_END, E_ADDS, E_ADDS_END, E_NODE, E_NODE_END = range(10, 16)
E_PLUGIN, E_PLUGIN_END, E_PAYLOAD, E_PAYLOAD_END = range(16, 20)
E_TEXTS, E_TEXTS_END, E_CHANGES, E_CHANGES_END, E_WIDTH = range(20, 25)
R_EVENT, R_KIND, R_ID, R_PARENT, R_UP, R_END, R_TYPE, R_LOOK = range(8)
R_TAG, R_TAG_END, R_ATTRIBUTES, R_ATTRIBUTES_END, R_TEXT, R_TEXT_END, R_ADD, R_ADD_END = range(8, 16)
S_START, S_END, S_EVENT, S_KEY, S_KEY_END, S_ROW = range(6)

REMOVE, NODE, TEXT, CHANGE = range(4)
SNAPSHOT, INPUT, CANVAS, PAYLOAD, WHOLE, ODD = range(4, 10)

IS_ODD, BAD_LISTS, BAD_BASIC, BAD_NODE, IS_OBJECT, HAS_DATA, IS_UNUSUAL = 1, 2, 4, 8, 16, 32, 64
LOOK_TAG, LOOK_SELECT, LOOK_CHANGE, LOOK_JSON, LOOK_INLINE, LOOK_CLICK, LOOK_LABEL = 1, 2, 4, 8, 16, 32, 64

# Numbers of names, and their bits (key_table.py).
N_TYPE, N_DATA, N_SOURCE, N_ID, N_NODE, N_ADDS, N_REMOVES, N_TEXTS, N_ATTRIBUTES = range(1, 10)
N_PARENT, N_TAG, N_TEXT_CONTENT, N_CHILDREN, N_VALUE, N_TEXT, N_PLUGIN, N_PAYLOAD = range(10, 18)
N_NEXT, N_ROOT, N_SVG, N_SHADOW = range(18, 22)
B_QUIET, B_WATCHED, B_ASKED, B_CLASS, B_TAG, B_ASKED_TAG = 256, 512, 1024, 2048, 4096, 8192
B_FIELD, B_KIND, B_INLINE, B_CLICK, B_LABEL = 32768, 65536, 131072, 262144, 524288

# Meanings of the words by which an element promises a response to a click: tags, values, and names of attributes.
C_BUTTON, C_LINK, C_INPUT, C_CLICK_ROLE, C_CLICK_TYPE, C_STAYS = 1, 2, 4, 8, 16, 32
C_HREF, C_TARGET, C_DOWNLOAD, C_ROLE, C_TYPE, C_ONCLICK, C_OTHER = 64, 128, 256, 512, 1024, 2048, 4096
C_KEYS = C_HREF | C_TARGET | C_DOWNLOAD | C_ROLE | C_TYPE | C_ONCLICK | C_OTHER

ABSENT = -(2**63)

# Contexts of the walk: objects with rrweb's names from _EVENT on, lists of objects from _ADDS on.
_OTHER, _TOP, _CHUNK, _ATTRS, _EVENT, _DATA, _NODE, _ADD, _TEXT, _CHANGE, _REMOVE = range(11)
_ADDS, _CHILDREN, _TEXTS, _CHANGES, _REMOVES = range(11, 16)

_STRING, _OBJECT, _ARRAY, _INT, _NULL, _OTHER_VALUE = range(6)

_FULL_SNAPSHOT, _INCREMENTAL, _CUSTOM, _PLUGIN_EVENT = 2, 3, 5, 6
_MUTATION, _MOUSE_SOURCE, _INPUT_SOURCE, _CANVAS_SOURCE, _LOG_SOURCE = 0, 2, 5, 9, 11
_TEXT_NODE, _COMMENT_NODE = 3, 5

_LONG_KIND = 128
"""Length in bytes beyond which the kind of a field is examined in any case."""

_LONG_NAME = 16
"""Length in bytes of an unknown name beyond which a node is unusual: rrweb's are shorter, readers have longer ones."""

_MOST_ID = 2**53 - 1
"""The largest integer that JavaScript counts exactly."""

_MOST_TREE = 2**20
"""Length in bytes of nodes beyond which they are not followed here: masking may make them longer."""

# Numbers of a page's state, and operations of `note` beside the kinds of rows (node_records.py).
_NUMBER, _ADDITIONS, _LINKS, _OPS, _ADDED, _SETTLED, _USED = range(7)
_BYTES, _BYTES_LIMIT, _NODES_LIMIT, _IS_FULL, _FACTOR, _MEMBERS = range(7, 13)
LABEL, ADDITIONS = 4, 5

_NEAR = 4
"""Low bits of an id that are kept in the place of its record (node_records.py)."""

_MOST_ADDS = 2**19
"""Length in bytes of additions beyond which they are not noted here: they do not stay JSON."""

_ADDITION_BYTES, _CHANGE_BYTES = 110, 200
"""Approximate memory of an added node, and of a change, in bytes, beside the JSON."""

_EDGE_BYTES = 512
"""Of longer texts only this many bytes at each end are joined with neighbouring texts."""
_WHOLE, _HEAD, _TAIL = range(3)
"""Part of a text that is joined with neighbouring texts."""
_MOST_INLINE = 64
_MOST_DEPTH = 200
"""Containers around a node beyond which an event is unusual: decoders refuse some that are nested deeper."""
_LEAST_DIGITS, _LEAST_DOTS = 9, 3
"""Fewest digits, and fewest dots next to digits, in a number or an IP address that a rule matches."""

_LEAST_WORD, _LEAST_TAG_DIGITS = 20, 5
"""Fewest characters of a word with a digit in which a key or an account is looked for; digits of no tag's name."""

_QUOTE, _BACKSLASH, _COLON, _COMMA = 0x22, 0x5C, 0x3A, 0x2C
_OPEN_OBJECT, _CLOSE_OBJECT, _OPEN_ARRAY, _CLOSE_ARRAY = 0x7B, 0x7D, 0x5B, 0x5D

_HALF = 0xFFFFFFFF

_ENDS_NUMBER = np.zeros(256, np.bool_)
_ENDS_NUMBER[[ord(each) for each in ",]} \t\r\n"]] = True

_LETTER, _DIGIT, _TAG_SIGN, _REFUSED = range(1, 5)
_FORM = np.zeros(256, np.uint8)
"""Kind of a byte in a value of layout, for is_plain."""
_FORM[[ord(each) for each in "-:"]] = _TAG_SIGN
_FORM[[ord(each) for each in "0123456789"]] = _DIGIT
_FORM[[ord(each) for each in "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_"]] = _LETTER
_FORM[[*b"@\\{", *range(0x80, 0x100)]] = _REFUSED

_READ_ONLY = types.Array(types.uint8, 1, "C", readonly=True)
_WORDS = types.uint8[::1]
_TABLE = types.int64[:, ::1]
_LIST = types.int64[::1]


@compiled()
def _quiet(t, i, n):
    """Returns the offset of a string's closing quote, and whether the string has escapes."""
    escapes = False
    while i < n:
        if t[i] == _QUOTE:
            return i, escapes
        if t[i] == _BACKSLASH:
            escapes = True
            i += 1
        i += 1
    return n, escapes


@compiled()
def is_plain(t, i, n, is_tag):
    """Returns whether the inside of a string is like the names and numbers of a page's layout, which no rule matches.

    Values of `class`, `d` and the like are numbers with few digits and words: a number of `_LEAST_DIGITS` digits, a
    long word with a digit (a key, a token), an `@`, an escape or a letter beyond ASCII is checked by the rules. The
    name of a tag has a letter at the start, and of the rest letters, dashes, colons, underscores and few digits.
    """
    digits = word = all_digits = 0
    is_fraction = has_digit = False
    k = i
    while k < n:
        form = _FORM[t[k]]
        if form == _LETTER:
            digits = 0
            is_fraction = False
            word += 1
            if has_digit and word >= _LEAST_WORD:
                return False
        elif form == _DIGIT:
            if is_tag and k == i:
                return False
            digits += 1
            all_digits += 1
            word += 1
            has_digit = True
            if (digits >= _LEAST_DIGITS and not is_fraction) or word >= _LEAST_WORD:
                return False
        elif form == _REFUSED or (is_tag and (form != _TAG_SIGN or k == i)):
            return False
        else:
            digits = word = 0
            has_digit = False
            is_fraction = t[k] == 0x2E
        k += 1
    return not is_tag or (all_digits < _LEAST_TAG_DIGITS and n > i)


@compiled()
def find_name(t, i, n, names, folds):
    """Returns the offset of a name's closing quote, whether it has escapes, and its number and bits; 0: unknown.

    The table has one name per row, as three 8-byte numbers and its length. Its first row has the factors that give
    each name its own row (key_table.py).
    """
    a = b = c = length = 0
    escapes = False
    while i < n:
        byte = np.int64(t[i])
        if byte == _QUOTE:
            break
        if byte == _BACKSLASH:
            escapes = True
            i += 1
        if folds:
            byte |= 32
        if length < 8:
            a = a << 8 | byte
        elif length < 16:
            b = b << 8 | byte
        elif length < 24:
            c = c << 8 | byte
        length += 1
        i += 1
    if escapes:
        return i, True, 0
    slot = (length << 20) ^ (a & _HALF) * names[0, 0] ^ (a >> 32) * names[0, 1]
    if length > 8:
        slot ^= (
            (b & _HALF) * names[0, 2] ^ (b >> 32) * names[0, 3] ^ (c & _HALF) * names[0, 4] ^ (c >> 32) * names[0, 5]
        )
    slot = (slot >> 20 & (len(names) - 2)) + 1
    if names[slot, 0] == a and names[slot, 1] == b and names[slot, 2] == c and names[slot, 3] == length:
        return i, False, names[slot, 4]
    return i, False, 0


@compiled()
def _has_word(t, i, end, words, places, whole):
    """Returns whether a list of words may contain one of the given words, in upper or lower case.

    Args:
        t: The text.
        i: Start of the list.
        end: End of the list.
        words: The given words, one after the other, each byte with bit 5 set (lower case).
        places: Start of each given word, and the end of the last.
        whole: Whether whole words are compared; else the given words are beginnings.
    """
    fresh = True
    while i < end:
        c = t[i]
        if c == _BACKSLASH:
            return True
        if c >= 0x80 or c == 0x20:
            fresh = True
        elif fresh:
            fresh = False
            for which in range(len(places) - 1):
                place, length = places[which], places[which + 1] - places[which]
                if words[place] == c | 32 and i + length <= end:
                    k = 1
                    while k < length and t[i + k] | 32 == words[place + k]:
                        k += 1
                    if k == length and (
                        not whole or i + k == end or t[i + k] == 0x20 or t[i + k] >= 0x80 or t[i + k] == _BACKSLASH
                    ):
                        return True
        i += 1
    return False


@compiled()
def _may_be_json(t, i, end):
    r"""Returns whether a string begins like a JSON object or list, after spaces, `\n` and `\t`."""
    while i < end:
        c = t[i]
        if c == _OPEN_OBJECT or c == _OPEN_ARRAY:
            return True
        if c == _BACKSLASH and i + 1 < end and (t[i + 1] == 0x6E or t[i + 1] == 0x74 or t[i + 1] == 0x72):
            i += 1
        elif c == _BACKSLASH:
            return i + 1 < end and t[i + 1] == 0x75
        elif c != 0x20:
            return False
        i += 1
    return False


@compiled()
def _is_plain_tag(t, start, end):
    """Returns whether the tag at an offset is known, and is not that of a custom element, which has a dash."""
    if start < 0:
        return False
    for k in range(start, end):
        if t[k] == 0x2D or t[k] == _BACKSLASH:
            return False
    return True


@compiled()
def _new_row(rows, place, event, kind, up):
    rows[place, R_EVENT] = event
    rows[place, R_KIND] = kind
    rows[place, R_ID] = ABSENT
    rows[place, R_PARENT] = ABSENT
    rows[place, R_UP] = up
    rows[place, R_END] = place + 1
    rows[place, R_TYPE] = ABSENT
    rows[place, R_LOOK] = 0
    for column in range(R_TAG, R_ADD_END + 1):
        rows[place, column] = -1


@compiled()
def _value(t, i, end):
    """Returns kind and value of a number or a literal; a number of more than 18 digits is not an integer."""
    c = t[i]
    if c == 0x6E:
        return _NULL, 0
    k = i + 1 if c == 0x2D else i
    if end - k > 18:
        return _OTHER_VALUE, 0
    value = 0
    while k < end:
        if t[k] < 0x30 or t[k] > 0x39:
            return _OTHER_VALUE, 0
        value = value * 10 + (np.int64(t[k]) - 0x30)
        k += 1
    return _INT, -value if c == 0x2D else value


@compiled()
def _hides(t, i, end):
    r"""Returns whether a string contains `\u00` with the code of a printable character."""
    while i < end:
        if t[i] == _BACKSLASH:
            if i + 4 < end and t[i + 1] == 0x75 and t[i + 2] == 0x30 and t[i + 3] == 0x30 and 0x32 <= t[i + 4] <= 0x37:
                return True
            i += 1
        i += 1
    return False


@compiled()
def _new_string(strings, place, start, end, event, key, key_end, row):
    strings[place, S_START] = start
    strings[place, S_END] = end
    strings[place, S_EVENT] = event
    strings[place, S_KEY] = key
    strings[place, S_KEY_END] = key_end
    strings[place, S_ROW] = row


@compiled(
    types.UniTuple(types.int64, 4)(
        _READ_ONLY, _TABLE, _TABLE, _WORDS, _LIST, _TABLE, _TABLE, _TABLE, _TABLE, types.boolean
    )
)
def walk(t, names, tags, words, word_places, events, rows, strings, stack, every):
    """Fills `events`, `rows` and `strings`.

    `words` has the classes, and behind an empty word the beginnings of kinds of fields.

    Returns:
        A status, and the numbers of filled rows of `events`, `rows` and `strings`. The status is 0, or 1 if `rows`,
        2 if `strings`, 3 if `stack` or 4 if `events` is too small.
    """
    n = len(t)
    n_events = n_rows = n_strings = 0
    i = depth = 0
    context, seen, row = _TOP, 0, -1
    number = bits = 0
    key = key_end = -1
    is_object = False
    is_add = trusted = has_layout = False
    add_row, add_parent = -1, ABSENT
    event = -1
    n_classes = 0
    while n_classes + 1 < len(word_places) and word_places[n_classes] < word_places[n_classes + 1]:
        n_classes += 1
    classes, kinds = word_places[: n_classes + 1], word_places[n_classes + 1 :]
    while i < n:
        c = t[i]
        while (c == 0x20 or c == 0x0A or c == 0x0D or c == 0x09) and i + 1 < n:
            i += 1
            c = t[i]
        if is_object and c == _QUOTE:
            first = i
            i, escapes, bits = find_name(t, i + 1, n, names, False)
            number = bits & 255
            if context == _OTHER:
                number = 0
            elif context == _ATTRS:
                number = 0
                if bits & B_ASKED or (escapes and _hides(t, first + 1, i)):
                    rows[row, R_LOOK] |= LOOK_SELECT | LOOK_CHANGE
                elif bits & B_WATCHED:
                    rows[row, R_LOOK] |= LOOK_CHANGE
                if bits & B_FIELD:
                    rows[row, R_LOOK] |= LOOK_TAG
                if bits & B_CLICK and rows[row, R_KIND] == NODE:
                    rows[row, R_LOOK] |= LOOK_CLICK
                if escapes:
                    events[event, E_STATUS] |= IS_UNUSUAL
            else:
                is_again = seen & (1 << number) & -2 != 0
                if (is_again and number < N_NEXT) or (escapes and _hides(t, first + 1, i)):
                    events[event, E_STATUS] |= IS_ODD
                elif is_again or escapes or (bits == 0 and context == _NODE and i - first > _LONG_NAME):
                    events[event, E_STATUS] |= IS_UNUSUAL
                seen |= 1 << number
            if bits & ~B_CLICK == 0 or every:
                if n_strings == len(strings):
                    return 2, n_events, n_rows, n_strings
                _new_string(strings, n_strings, first, i + 1, event, -1, -1, -1)
                n_strings += 1
            key, key_end = first + 1, i
            i += 1
            while i < n and t[i] != _COLON:
                i += 1
            i += 1
            while i < n and (t[i] == 0x20 or t[i] == 0x0A or t[i] == 0x0D or t[i] == 0x09):
                i += 1
            if i >= n:
                break
            c = t[i]

        is_empty = False
        look = 0
        kind, value, first = _OTHER_VALUE, 0, i
        if c == _QUOTE:
            i, escapes = _quiet(t, i + 1, n)
            if context == _ATTRS:
                if bits & B_CLASS and n_classes and _has_word(t, first + 1, i, words, classes, True):
                    rows[row, R_LOOK] |= LOOK_SELECT | LOOK_CHANGE
                elif bits & B_KIND and (i - first > _LONG_KIND or _has_word(t, first + 1, i, words, kinds, False)):
                    rows[row, R_LOOK] |= LOOK_TAG
                elif not bits & (B_QUIET | B_CLASS) and i - first > 2 and _may_be_json(t, first + 1, i):
                    rows[row, R_LOOK] |= LOOK_JSON
            elif context == _NODE and number == N_TAG:
                _, escapes, look = find_name(t, first + 1, n, tags, True)
                if escapes:
                    look = B_TAG | B_ASKED_TAG | B_CLICK | B_LABEL
                if look & B_CLICK:
                    rows[row, R_LOOK] |= LOOK_CLICK
                if look & B_LABEL:
                    rows[row, R_LOOK] |= LOOK_LABEL
                if look & B_TAG:
                    rows[row, R_LOOK] |= LOOK_TAG
                if look & B_ASKED_TAG:
                    rows[row, R_LOOK] |= LOOK_SELECT
                if look & B_INLINE:
                    rows[row, R_LOOK] |= LOOK_INLINE
            is_quiet = trusted and (
                (context == _ATTRS and has_layout and bits & B_QUIET != 0 and is_plain(t, first + 1, i, False))
                or (
                    context == _NODE
                    and number == N_TAG
                    and ((look != 0 and not escapes) or is_plain(t, first + 1, i, True))
                )
            )
            if every or not is_quiet:
                if n_strings == len(strings):
                    return 2, n_events, n_rows, n_strings
                _new_string(strings, n_strings, first, i + 1, event, key, key_end, row if context == _ATTRS else -1)
                n_strings += 1
            i += 1
            kind = _STRING
        elif c == _OPEN_OBJECT or c == _OPEN_ARRAY:
            if depth == len(stack):
                return 3, n_events, n_rows, n_strings
            stack[depth, 0] = context
            stack[depth, 1] = seen
            stack[depth, 2] = row
            stack[depth, 3] = number
            stack[depth, 4] = i
            stack[depth, 5] = is_object
            depth += 1
            inner = _OTHER
            made = -1
            if c == _OPEN_OBJECT:
                if context == _CHUNK:
                    if n_events == len(events):
                        return 4, n_events, n_rows, n_strings
                    inner, event = _EVENT, n_events
                    n_events += 1
                    for column in range(E_WIDTH):
                        events[event, column] = -1
                    events[event, E_START] = i
                    events[event, E_TYPE] = ABSENT
                    events[event, E_SOURCE] = ABSENT
                    events[event, E_ID] = ABSENT
                    events[event, E_STATUS] = 0
                    events[event, E_ROWS] = n_rows
                    trusted = False
                elif context == _EVENT:
                    if number == N_DATA:
                        inner = _DATA
                        trusted = events[event, E_TYPE] == _FULL_SNAPSHOT
                elif context == _DATA:
                    if number == N_NODE:
                        inner, made, is_add = _NODE, NODE, False
                elif context == _ADDS:
                    inner = _ADD
                    is_add = True
                    add_row, add_parent = -1, ABSENT
                elif context == _ADD:
                    if number == N_NODE:
                        inner, made = _NODE, NODE
                        add_row = n_rows
                elif context == _CHILDREN:
                    inner, made = _NODE, NODE
                elif context == _NODE or context == _CHANGE:
                    if number == N_ATTRIBUTES:
                        inner = _ATTRS
                        # The tag of a changed element is unknown here.
                        has_layout = context == _CHANGE or _is_plain_tag(t, rows[row, R_TAG], rows[row, R_TAG_END])
                elif context == _TEXTS:
                    inner, made = _TEXT, TEXT
                elif context == _CHANGES:
                    inner, made = _CHANGE, CHANGE
                elif context == _REMOVES:
                    inner, made = _REMOVE, REMOVE
            elif context == _TOP:
                inner = _CHUNK
            elif context == _DATA:
                if number == N_ADDS:
                    inner = _ADDS
                elif number == N_TEXTS:
                    inner = _TEXTS
                elif number == N_ATTRIBUTES:
                    inner = _CHANGES
                elif number == N_REMOVES:
                    inner = _REMOVES
            elif context == _NODE and number == N_CHILDREN:
                inner = _CHILDREN
            if made >= 0:
                if n_rows == len(rows):
                    return 1, n_events, n_rows, n_strings
                _new_row(rows, n_rows, event, made, row if context == _CHILDREN else -1)
                if depth > _MOST_DEPTH:
                    events[event, E_STATUS] |= IS_UNUSUAL
                row = n_rows
                n_rows += 1
            context, seen = inner, 0
            is_object = c == _OPEN_OBJECT
            number = bits = 0
            key = key_end = -1
            i += 1
            continue
        elif c == _CLOSE_OBJECT or c == _CLOSE_ARRAY:
            is_empty = True
        else:
            while i < n and not _ENDS_NUMBER[t[i]]:
                i += 1
            if number:
                kind, value = _value(t, first, i)

        # End of a value, and perhaps of its containers.

        while True:
            if is_empty:
                is_empty = False
            elif number or context >= _ADDS:
                if context == _NODE:
                    bad = False
                    if number == N_ID:
                        rows[row, R_ID] = value
                        bad = kind != _INT
                    elif number == N_TYPE:
                        rows[row, R_TYPE] = value
                        bad = kind != _INT
                    elif number == N_TAG:
                        rows[row, R_TAG], rows[row, R_TAG_END] = first, i
                        bad = kind != _STRING
                    elif number == N_ATTRIBUTES:
                        rows[row, R_ATTRIBUTES], rows[row, R_ATTRIBUTES_END] = first, i
                    elif number == N_TEXT_CONTENT:
                        rows[row, R_TEXT], rows[row, R_TEXT_END] = first, i
                        if kind != _STRING and kind != _NULL:
                            events[event, E_STATUS] |= IS_UNUSUAL
                    elif number == N_ROOT:
                        if kind != _INT or (value != 0 and is_add):
                            events[event, E_STATUS] |= IS_UNUSUAL
                    elif number == N_SVG or number == N_SHADOW:
                        if kind != _NULL and t[first] != 0x74 and t[first] != 0x66:
                            events[event, E_STATUS] |= IS_UNUSUAL
                    elif number == N_CHILDREN:
                        bad = kind != _ARRAY
                    if bad:
                        events[event, E_STATUS] |= BAD_LISTS if is_add else BAD_NODE
                elif context == _DATA:
                    bad = 0
                    if number == N_SOURCE:
                        if kind == _INT:
                            events[event, E_SOURCE] = value
                            trusted = value == _MUTATION and events[event, E_TYPE] == _INCREMENTAL
                        elif kind != _NULL:
                            bad = BAD_BASIC
                    elif number == N_ID:
                        if kind == _INT:
                            events[event, E_ID] = value
                        elif kind != _NULL:
                            bad = BAD_BASIC
                    elif number == N_PLUGIN:
                        if kind == _STRING:
                            events[event, E_PLUGIN], events[event, E_PLUGIN_END] = first, i
                        elif kind != _NULL:
                            bad = BAD_BASIC
                    elif number == N_TEXT:
                        events[event, E_TEXT], events[event, E_TEXT_END] = first, i
                    elif number == N_PAYLOAD:
                        events[event, E_PAYLOAD], events[event, E_PAYLOAD_END] = first, i
                    elif number == N_NODE:
                        events[event, E_NODE], events[event, E_NODE_END] = first, i
                        if kind != _OBJECT:
                            bad = BAD_NODE
                    elif number == N_ADDS:
                        events[event, E_ADDS], events[event, E_ADDS_END] = first, i
                        if kind != _ARRAY:
                            bad = BAD_LISTS
                    elif number == N_TEXTS or number == N_ATTRIBUTES or number == N_REMOVES:
                        if number == N_TEXTS:
                            events[event, E_TEXTS], events[event, E_TEXTS_END] = first, i
                        elif number == N_ATTRIBUTES:
                            events[event, E_CHANGES], events[event, E_CHANGES_END] = first, i
                        if kind != _ARRAY:
                            bad = BAD_LISTS
                    events[event, E_STATUS] |= bad
                elif context == _EVENT:
                    if number == N_TYPE:
                        if kind == _INT:
                            events[event, E_TYPE] = value
                    elif number == N_DATA:
                        events[event, E_STATUS] |= HAS_DATA | IS_OBJECT if kind == _OBJECT else HAS_DATA
                        events[event, E_DATA], events[event, E_DATA_END] = first, i
                elif context == _CHILDREN:
                    if kind != _OBJECT:
                        events[event, E_STATUS] |= BAD_LISTS if is_add else BAD_NODE
                elif context == _ADD:
                    if number == N_PARENT:
                        if kind == _INT:
                            add_parent = value
                        elif kind != _NULL:
                            events[event, E_STATUS] |= BAD_LISTS
                    elif number == N_NEXT:
                        if kind != _INT and kind != _NULL:
                            events[event, E_STATUS] |= IS_UNUSUAL
                    elif number == N_NODE and kind != _OBJECT:
                        events[event, E_STATUS] |= BAD_LISTS
                elif context == _ADDS or context == _TEXTS or context == _CHANGES or context == _REMOVES:
                    if kind != _OBJECT:
                        events[event, E_STATUS] |= BAD_LISTS
                elif context == _TEXT or context == _CHANGE or context == _REMOVE:
                    if number == N_ID:
                        if kind == _INT:
                            rows[row, R_ID] = value
                        elif kind != _NULL or context != _REMOVE:
                            events[event, E_STATUS] |= BAD_LISTS
                    elif number == N_VALUE and context == _TEXT:
                        rows[row, R_TEXT], rows[row, R_TEXT_END] = first, i
                        if kind != _STRING and kind != _NULL:
                            events[event, E_STATUS] |= IS_UNUSUAL
                    elif number == N_ATTRIBUTES and context == _CHANGE:
                        rows[row, R_ATTRIBUTES], rows[row, R_ATTRIBUTES_END] = first, i
            while i < n and (t[i] == 0x20 or t[i] == 0x0A or t[i] == 0x0D or t[i] == 0x09):
                i += 1
            if i >= n:
                return 0, n_events, n_rows, n_strings
            c = t[i]
            i += 1
            if c != _CLOSE_OBJECT and c != _CLOSE_ARRAY:  # a comma
                number = bits = 0
                key = key_end = -1
                break
            if depth == 0:
                return 0, n_events, n_rows, n_strings
            if context == _NODE:
                rows[row, R_END] = n_rows
                if is_add and (n_rows > row + 1 or not -_MOST_ID <= rows[row, R_ID] <= _MOST_ID):
                    events[event, E_STATUS] |= IS_UNUSUAL
                if rows[row, R_ID] == ABSENT or rows[row, R_TYPE] == ABSENT:
                    events[event, E_STATUS] |= BAD_LISTS if is_add else BAD_NODE
            elif context == _TEXT:
                if rows[row, R_ID] == ABSENT:
                    events[event, E_STATUS] |= BAD_LISTS
                    n_rows -= 1
            elif context == _CHANGE:
                if rows[row, R_ID] == ABSENT or rows[row, R_ATTRIBUTES] < 0:
                    events[event, E_STATUS] |= BAD_LISTS
                    n_rows -= 1
            elif context == _REMOVE:
                if rows[row, R_ID] == ABSENT:
                    events[event, E_STATUS] |= IS_UNUSUAL
                    n_rows -= 1
            elif context == _ADD:
                if add_row >= 0:
                    rows[add_row, R_PARENT] = add_parent
                if add_row < 0 or not -_MOST_ID <= add_parent <= _MOST_ID:
                    events[event, E_STATUS] |= IS_UNUSUAL
            elif context == _EVENT:
                events[event, E_END] = i
                if events[event, E_TYPE] != _FULL_SNAPSHOT and (
                    events[event, E_TYPE] != _INCREMENTAL or events[event, E_SOURCE] != _MUTATION
                ):
                    n_rows = events[event, E_ROWS]
                events[event, E_ROWS_END] = n_rows
            depth -= 1
            if context == _ADD and add_row >= 0:
                rows[add_row, R_ADD], rows[add_row, R_ADD_END] = stack[depth, 4], i
            context = stack[depth, 0]
            seen = stack[depth, 1]
            row = stack[depth, 2]
            number = stack[depth, 3]
            first = stack[depth, 4]
            is_object = stack[depth, 5] != 0
            kind, value = _OBJECT if c == _CLOSE_OBJECT else _ARRAY, 0

    return 0, n_events, n_rows, n_strings


@compiled()
def _is_usual(events, event, kind):
    """Returns whether all readers find in a snapshot, or in a mutation, the nodes of its rows."""
    status = events[event, E_STATUS]
    return (
        events[event, E_TYPE] == kind
        and status & IS_OBJECT != 0
        and not status & (IS_ODD | BAD_LISTS | BAD_BASIC | BAD_NODE | IS_UNUSUAL)
    )


@compiled()
def _rank(borders, count, number):
    """Returns the number of borders up to a number, including equal ones: odd inside of a run."""
    low, high = 0, count
    while low < high:
        middle = (low + high) // 2
        if number < borders[middle]:
            high = middle
        else:
            low = middle + 1
    return low


@compiled()
def _add_run(borders, count, start, end):
    """Adds a run to sorted borders, which need room for two more; returns their number."""
    if count == 0 or start > borders[count - 1]:
        borders[count], borders[count + 1] = start, end
        return count + 2
    first, after = _rank(borders, count, start - 1), _rank(borders, count, end)
    opens, closes = first & 1 == 0, after & 1 == 0
    added = opens + closes
    moved = first + added - after
    if moved > 0:
        for k in range(count - 1, after - 1, -1):
            borders[k + moved] = borders[k]
    elif moved < 0:
        for k in range(after, count):
            borders[k + moved] = borders[k]
    if opens:
        borders[first] = start
    if closes:
        borders[first + added - 1] = end
    return count + moved


@compiled()
def _end_of_value(t, i, n):
    """Returns the end of the object or list at an offset."""
    depth = 0
    while i < n:
        c = t[i]
        if c == _QUOTE:
            i, _ = _quiet(t, i + 1, n)
        elif c == _OPEN_OBJECT or c == _OPEN_ARRAY:
            depth += 1
        elif c == _CLOSE_OBJECT or c == _CLOSE_ARRAY:
            depth -= 1
            if depth == 0:
                return i + 1
        i += 1
    return n


@compiled()
def _opens_elsewhere(t, i, end):
    """Returns whether a string begins with the scheme of a mail or call (1), does not (0), or is not plain (-1)."""
    for k in range(i, min(i + 8, end)):
        c = t[k]
        if c == _BACKSLASH:
            return -1
        if c == _COLON:
            a, b, d = t[i], t[i + 1], t[i + 2]
            if k == i + 3:
                is_tel = a == 0x74 and b == 0x65 and d == 0x6C
                is_sms = a == 0x73 and b == 0x6D and d == 0x73
                is_geo = a == 0x67 and b == 0x65 and d == 0x6F
                return 1 if is_tel or is_sms or is_geo else 0
            if k == i + 6:
                is_mail = a == 0x6D and b == 0x61 and d == 0x69 and t[i + 3] == 0x6C and t[i + 4] == 0x74
                return 1 if is_mail and t[i + 5] == 0x6F else 0
            return 0
    return 0


@compiled()
def _is_edited(edits, start, end):
    """Returns whether one of the sorted edits, which do not overlap, is in a part of the text or around it."""
    low, high = 0, len(edits)
    while low < high:
        middle = (low + high) // 2
        if edits[middle, 1] <= start:
            low = middle + 1
        else:
            high = middle
    return low < len(edits) and edits[low, 0] < end


@compiled()
def _edited_scheme(edits, start, end):
    """Returns the third column of the edit of exactly this part of the text; -1: it is edited otherwise."""
    low, high = 0, len(edits)
    while low < high:
        middle = (low + high) // 2
        if edits[middle, 0] < start:
            low = middle + 1
        else:
            high = middle
    return edits[low, 2] if low < len(edits) and edits[low, 0] == start and edits[low, 1] == end else -1


@compiled()
def _promises(t, rows, at, words, edits):
    """Returns whether an element promises a response to a click (node_index.py): 1 or 0; -1: not decided here."""
    tag, tag_end = rows[at, R_TAG], rows[at, R_TAG_END]
    i, n = rows[at, R_ATTRIBUTES], rows[at, R_ATTRIBUTES_END]
    if _is_edited(edits, tag, tag_end):
        return -1
    _, escapes, its = find_name(t, tag + 1, tag_end, words, False)
    if escapes:
        return -1
    if its & C_BUTTON:
        return 1
    if i < 0 or t[i] != _OPEN_OBJECT:
        return -1
    is_edited = _is_edited(edits, i, n)
    if is_edited and _is_edited(edits, i, i + 1):
        return -1
    href = elsewhere = stays = downloads = role = clicks = kind = 0
    stays = 1
    i += 1
    while i < n:
        if t[i] != _QUOTE:
            i += 1
            continue
        key = i
        i, escapes, bits = find_name(t, i + 1, n, words, False)
        if escapes:
            return -1
        i += 1
        while i < n and (t[i] == _COLON or t[i] == 0x20 or t[i] == 0x0A or t[i] == 0x0D or t[i] == 0x09):
            i += 1
        if i >= n:
            return -1
        first = i
        if not bits & C_KEYS:
            if t[i] == _QUOTE:
                i, _ = _quiet(t, i + 1, n)
                i += 1
            elif t[i] == _OPEN_OBJECT or t[i] == _OPEN_ARRAY:
                i = _end_of_value(t, i, n)
            continue
        value = 0
        is_null = t[i] == 0x6E
        if t[i] == _QUOTE:
            i, escapes, value = find_name(t, i + 1, n, words, False)
            if escapes and bits & (C_TARGET | C_ROLE | C_TYPE):
                return -1
            i += 1
        elif is_null or t[i] == 0x74 or t[i] == 0x66:
            while i < n and not _ENDS_NUMBER[t[i]]:
                i += 1
        else:
            return -1
        scheme = -2
        if is_edited and _is_edited(edits, key, i):
            if not bits & C_HREF:
                return -1
            scheme = _edited_scheme(edits, first, i)
        if bits & C_HREF:
            href = 0 if is_null else 1
            elsewhere = scheme
            if scheme == -2:
                elsewhere = _opens_elsewhere(t, first + 1, i - 1) if t[first] == _QUOTE else 0
        elif bits & C_TARGET:
            stays = 1 if is_null or value & C_STAYS or (t[first] == _QUOTE and i == first + 2) else 0
        elif bits & C_DOWNLOAD:
            downloads = 0 if is_null else 1
        elif bits & C_ROLE:
            role = 1 if value & C_CLICK_ROLE and t[first] == _QUOTE else 0
        elif bits & C_TYPE:
            kind = 1 if value & C_CLICK_TYPE and t[first] == _QUOTE else 0
        elif bits & C_ONCLICK:
            clicks = 0 if is_null else 1
    if its & C_INPUT:
        return kind
    if href and its & C_LINK:
        if downloads or not stays:
            return 0
        return elsewhere if elsewhere < 0 else 1 - elsewhere
    return 1 if role or clicks else 0


@compiled()
def _grow(t, rows, at, last, words, edits, borders, count, fresh, most):
    """Adds the clickable elements among a mutation's additions.

    Returns:
        The number of borders, or -1 if they could not be added here; and the number of new borders.
    """
    some = parent = 0
    inside = False
    while at < last:
        row = at
        at += 1
        if rows[row, R_KIND] != NODE or rows[row, R_TAG_END] <= rows[row, R_TAG] + 2:
            continue
        if rows[row, R_PARENT] != parent:
            parent = rows[row, R_PARENT]
            inside = (_rank(borders, count, parent) | _rank(fresh, some, parent)) & 1 == 1
        if not inside:
            found = _promises(t, rows, row, words, edits) if rows[row, R_LOOK] & LOOK_CLICK else 0
            if found < 0:
                return -1, 0
            if found == 0:
                continue
        own = rows[row, R_ID]
        if own < 0 or own >= _MOST_ID or some + 2 > len(fresh):
            return -1, 0
        if _rank(borders, count, own) & 1 == 0:
            some = _add_run(fresh, some, own, own + 1)
    if count + some > len(borders):
        return -1, 0
    for k in range(0, some, 2):
        count = _add_run(borders, count, fresh[k], fresh[k + 1])
    return _trim(borders, count, most), some


@compiled()
def _trim(borders, count, most):
    """Drops the lowest borders beyond the given number; returns the number of those that remain."""
    if count <= most:
        return count
    for k in range(most):
        borders[k] = borders[k + count - most]
    return most


@compiled()
def _take_tree(t, rows, at, last, words, edits, borders, most):
    """Fills `borders` with the clickable elements of a tree and all inside of them; returns their number, or -1."""
    count = 0
    while at < last:
        if not rows[at, R_LOOK] & LOOK_CLICK or rows[at, R_TAG_END] <= rows[at, R_TAG] + 2:
            at += 1
            continue
        found = _promises(t, rows, at, words, edits)
        if found < 0:
            return -1
        end = rows[at, R_END] if found else at
        while at < end:
            own = rows[at, R_ID]
            if own < 0 or own >= _MOST_ID or count + 2 > len(borders):
                return -1
            count = _add_run(borders, count, own, own + 1)
            at += 1
        if not found:
            at += 1
    return _trim(borders, count, most)


@compiled(
    types.UniTuple(types.int64, 3)(
        _READ_ONLY, _TABLE, _TABLE, _WORDS, _TABLE, _TABLE, types.int64, types.int64, types.int64, _TABLE, _WORDS
    )
)
def follow(t, events, rows, renewed, edits, words, event, count, most, room, answers):
    """Follows the clickable elements of a page through a chunk (node_index.py), and answers for the chunk's clicks.

    Continues at an event, and stops before the first one that readers may understand otherwise: with unusual values,
    with contents of frames, or written anew by masking.

    Args:
        t: The text.
        events: The events.
        rows: The rows.
        renewed: 1 for each event that masking has written anew.
        edits: Start and end of each replacement that masking has made, sorted; whether the new value is a string that
            begins with the scheme of a mail or call: 1, 0, or -1 if it is not a plain string; and by how much this
            replacement and those before it move the rest.
        words: Names and values that matter (node_index.py).
        event: The first event.
        count: Number of borders.
        most: Maximum number of borders after an event.
        room: The borders of the runs of clickable ids, and room of the same length for new ones.
        answers: Set to 1 for each MouseInteraction with a clickable element.

    Returns:
        The event before which it stopped, the number of borders, and whether they may differ from before.
    """
    borders, fresh = room[0], room[1]
    changed = 0
    while event < len(events):
        kind, source, status = events[event, E_TYPE], events[event, E_SOURCE], events[event, E_STATUS]
        if status & IS_ODD or (renewed[event] and (kind == _FULL_SNAPSHOT or kind == _INCREMENTAL)):
            break
        first, last = events[event, E_ROWS], events[event, E_ROWS_END]
        if kind == _FULL_SNAPSHOT:
            if (
                not _is_usual(events, event, kind)
                or first == last
                or rows[first, R_KIND] != NODE
                or rows[first, R_END] != last
                or events[event, E_NODE_END] - events[event, E_NODE] > _MOST_TREE
            ):
                break
            found = _take_tree(t, rows, first, last, words, edits, fresh, most)
            if found < 0:
                break
            changed = 1
            count = found
            for k in range(count):
                borders[k] = fresh[k]
        elif kind == _INCREMENTAL and source == _MUTATION:
            if events[event, E_ADDS] >= 0:
                if (
                    not _is_usual(events, event, kind)
                    or events[event, E_NODE] >= 0
                    or events[event, E_ADDS_END] - events[event, E_ADDS] > _MOST_TREE
                ):
                    break
                found, some = _grow(t, rows, first, last, words, edits, borders, count, fresh, most)
                if found < 0:
                    break
                count = found
                changed |= some > 0
        elif kind == _INCREMENTAL:
            if events[event, E_ADDS] >= 0:
                break
            if source == _MOUSE_SOURCE and _rank(borders, count, events[event, E_ID]) & 1:
                answers[event] = 1
        event += 1
    return event, count, changed


@compiled()
def _record_of(records, factor, own):
    """Returns the place of a node's record, or of the free one that it may have."""
    last = len(records) - 1
    place = ((own >> _NEAR) * factor >> 20 << _NEAR | own & (1 << _NEAR) - 1) & last
    while records[place, 0] != own and records[place, 0] != ABSENT:
        place = (place + 1) & last
    return place


@compiled()
def _shift(edits, place):
    """Returns by how much the edits before a place move it."""
    low, high = 0, len(edits)
    while low < high:
        middle = (low + high) // 2
        if edits[middle, 0] < place:
            low = middle + 1
        else:
            high = middle
    return edits[low - 1, 3] if low else 0


@compiled(types.int64(_TABLE, _TABLE, _WORDS, _TABLE, types.int64, types.int64, _TABLE, _TABLE, _LIST, _TABLE, _TABLE))
def note(events, rows, renewed, edits, event, end, records, links, state, ops, members):
    """Notes the mutations of a chunk in the records of a page's nodes (behaviour/targets/node_records.py).

    Continues at an event, and stops before the first mutation that readers may understand otherwise, and after the
    first one with which the page has reached a limit.

    Args:
        events: The events.
        rows: The rows.
        renewed: 1 for each event that masking has written anew.
        edits: The replacements that masking has made, as in `follow`.
        event: The first event.
        end: The event to end at.
        records: The records: id, number of the additions with the node, 1 if it is settled plus 2 if it is to be
            reported when it is removed, its last link, and its parent in the additions.
        links: The additions with children of a node: their number, and the link before.
        state: Numbers that go on, as listed in node_records.py.
        ops: Filled with the remaining operations: (operation, id of the node, row, number of the mutation).
        members: Filled with the added nodes: id, parent, and the place of the addition in the text after masking, from
            the start of the list; the last one of a mutation that adds a node twice has no place.

    Returns:
        The event at which it stopped.
    """
    factor = state[_FACTOR]
    while event < end:
        if events[event, E_TYPE] != _INCREMENTAL or events[event, E_SOURCE] != _MUTATION:
            event += 1
            continue
        first, last = events[event, E_ROWS], events[event, E_ROWS_END]
        size = events[event, E_ADDS_END] - events[event, E_ADDS]
        if (
            renewed[event]
            or not _is_usual(events, event, _INCREMENTAL)
            or events[event, E_NODE] >= 0
            or size > _MOST_ADDS
        ):
            return event
        state[_NUMBER] += 1
        kinds = 0
        for at in range(first, last):
            kinds |= 1 << rows[at, R_KIND]
        for kind in range(4):
            if not kinds >> kind & 1:
                continue
            parent = 0
            count = 0
            base = events[event, E_ADDS] + _shift(edits, events[event, E_ADDS])
            is_twice = False
            for at in range(first, last):
                if rows[at, R_KIND] != kind:
                    continue
                own = rows[at, R_ID]
                place = _record_of(records, factor, own)
                is_new = records[place, 0] == ABSENT
                if kind != NODE:
                    if is_new or (records[place, 1] < 0 and records[place, 2] & 1 == 0):
                        continue
                    row = at
                    if kind == REMOVE:
                        row = records[place, 2]
                        state[_ADDED] -= records[place, 1] >= 0
                        state[_SETTLED] -= row & 1
                        records[place, 1], records[place, 2], records[place, 3] = -1, 0, -1
                        if row == 0:
                            continue
                    elif kind == CHANGE:
                        state[_BYTES] += _CHANGE_BYTES + rows[at, R_ATTRIBUTES_END] - rows[at, R_ATTRIBUTES]
                    else:
                        state[_BYTES] += _CHANGE_BYTES + rows[at, R_TEXT_END] - rows[at, R_TEXT]
                    some = state[_OPS]
                    ops[some, 0], ops[some, 1], ops[some, 2], ops[some, 3] = kind, own, row, state[_NUMBER]
                    state[_OPS] = some + 1
                    continue
                count += 1
                if is_new:
                    records[place, 0], records[place, 1], records[place, 2], records[place, 3] = own, -1, 0, -1
                    state[_USED] += 1
                state[_ADDED] += records[place, 1] < 0
                is_twice |= records[place, 1] == state[_ADDITIONS]
                records[place, 1] = state[_ADDITIONS]
                records[place, 4] = rows[at, R_PARENT]
                some = state[_MEMBERS]
                members[some, 0], members[some, 1] = own, rows[at, R_PARENT]
                members[some, 2] = members[some, 3] = -1
                if rows[at, R_ADD] >= 0:
                    members[some, 2] = rows[at, R_ADD] + _shift(edits, rows[at, R_ADD]) - base
                    members[some, 3] = rows[at, R_ADD_END] + _shift(edits, rows[at, R_ADD_END]) - base
                state[_MEMBERS] = some + 1
                if rows[at, R_LOOK] & LOOK_LABEL:
                    records[place, 2] |= 2
                    some = state[_OPS]
                    ops[some, 0], ops[some, 1], ops[some, 2], ops[some, 3] = LABEL, own, at, state[_NUMBER]
                    state[_OPS] = some + 1
                if rows[at, R_PARENT] == parent:
                    continue
                parent = rows[at, R_PARENT]  # siblings are adjacent
                place = _record_of(records, factor, parent)
                if records[place, 0] == ABSENT:
                    records[place, 0], records[place, 1], records[place, 2], records[place, 3] = parent, -1, 0, -1
                    state[_USED] += 1
                link = records[place, 3]
                if link < 0 or links[link, 0] != state[_ADDITIONS]:
                    links[state[_LINKS], 0], links[state[_LINKS], 1] = state[_ADDITIONS], link
                    records[place, 3] = state[_LINKS]
                    state[_LINKS] += 1
            if count:
                if is_twice:
                    members[state[_MEMBERS] - 1, 2] = -1
                some = state[_OPS]
                ops[some, 0], ops[some, 1], ops[some, 2], ops[some, 3] = ADDITIONS, event, count, state[_NUMBER]
                state[_OPS] = some + 1
                state[_ADDITIONS] += 1
                state[_BYTES] += size + _ADDITION_BYTES * count
        event += 1
        if state[_BYTES] > state[_BYTES_LIMIT] or state[_ADDED] + state[_SETTLED] > state[_NODES_LIMIT]:
            state[_IS_FULL] = 1
            break
    return event


@compiled(types.int64(_LIST, types.int64, _TABLE, _LIST))
def settle(ids, what, records, state):
    """Notes that nodes are settled (1), or are no longer in additions (0), in the records; returns their number."""
    for own in ids:
        place = _record_of(records, state[_FACTOR], own)
        if records[place, 0] == ABSENT:
            if not what:
                continue
            records[place, 0], records[place, 1], records[place, 2], records[place, 3] = own, -1, 0, -1
            state[_USED] += 1
        if what:
            state[_SETTLED] += 1 - (records[place, 2] & 1)
            records[place, 2] |= 1
        elif records[place, 1] >= 0:
            records[place, 1] = -1
            state[_ADDED] -= 1
    return len(ids)


@compiled(types.int64(_TABLE, _TABLE, types.int64))
def enlarge(records, larger, factor):
    """Copies records to a larger table with ABSENT in its first column; returns their number."""
    count = 0
    for at in range(len(records)):
        if records[at, 0] != ABSENT:
            place = _record_of(larger, factor, records[at, 0])
            for column in range(5):
                larger[place, column] = records[at, column]
            count += 1
    return count


@compiled()
def _is_among(number, runs, marks):
    """Returns whether an id is in one of the sorted runs (first id, number of ids), or may have a mark."""
    if marks[number & (len(marks) - 1)]:
        return True
    low, high = 0, len(runs)
    while low < high:
        middle = (low + high) // 2
        if number < runs[middle, 0]:
            high = middle
        elif number >= runs[middle, 0] + runs[middle, 1]:
            low = middle + 1
        else:
            return True
    return False


@compiled(types.int64(_TABLE, types.int64))
def _task(events, event):
    """Returns the task of an event; NODE means all rows of a mutation; -1: nothing."""
    kind, source, status = events[event, E_TYPE], events[event, E_SOURCE], events[event, E_STATUS]
    if status & IS_ODD:
        return ODD
    if not status & HAS_DATA:
        return -1
    if kind == _CUSTOM or kind == _PLUGIN_EVENT:
        return PAYLOAD if events[event, E_PAYLOAD] >= 0 else -1
    if kind != _FULL_SNAPSHOT and kind != _INCREMENTAL:
        return -1
    if not status & IS_OBJECT or status & (BAD_BASIC | BAD_LISTS | BAD_NODE):
        return WHOLE
    if kind == _FULL_SNAPSHOT:
        return SNAPSHOT if events[event, E_NODE] >= 0 else WHOLE
    if source == _MUTATION:
        return NODE
    if source == _INPUT_SOURCE:
        return INPUT
    if source == _LOG_SOURCE:
        return PAYLOAD if events[event, E_PAYLOAD] >= 0 else -1
    return CANVAS if source == _CANVAS_SOURCE else -1


@compiled(
    types.UniTuple(types.int64, 2)(
        _TABLE, _TABLE, types.int64, types.int64, types.int64, _TABLE, types.boolean, types.uint8[::1], _TABLE
    )
)
def choose(events, rows, event, task, place, runs, every, marks, out):
    """Fills `out` with the tasks (event, task, row), in the order of their events.

    Continues an event at a task and a row, and stops after the first full snapshot or odd event. A chosen node may
    become a remembered one, with its whole subtree: their ids are set in `marks` (zeros, of a power of two).

    Returns:
        The number of filled rows of `out`, and the event after the last examined one.
    """
    count = marked = 0
    while event < len(events):
        what = _task(events, event)
        if what == SNAPSHOT or (what >= 0 and what != NODE):
            out[count, 0], out[count, 1], out[count, 2] = event, what, -1
            count += 1
        if what == SNAPSHOT or what == NODE:
            is_tree = what == SNAPSHOT
            for kind in range(4):
                if kind < task or (is_tree and kind != NODE):
                    continue
                at = events[event, E_ROWS]
                if kind == task and place > at:
                    at = place
                while at < events[event, E_ROWS_END]:
                    if rows[at, R_KIND] == kind:
                        look = rows[at, R_LOOK]
                        if kind == NODE:
                            chosen = every or look & (LOOK_TAG | LOOK_SELECT | LOOK_JSON) != 0
                            if not chosen and is_tree:
                                # A duplicate id belongs to the last node that has it.
                                chosen = marks[rows[at, R_ID] & (len(marks) - 1)] != 0
                            elif not chosen:
                                chosen = _is_among(rows[at, R_ID], runs, marks) or (
                                    rows[at, R_UP] < 0 and _is_among(rows[at, R_PARENT], runs, marks)
                                )
                            if chosen:
                                marked = max(marked, at)
                                while marked < rows[at, R_END]:
                                    marks[rows[marked, R_ID] & (len(marks) - 1)] = 1
                                    marked += 1
                        else:
                            chosen = every or (kind == CHANGE and look != 0) or _is_among(rows[at, R_ID], runs, marks)
                            if chosen and kind == CHANGE:
                                marks[rows[at, R_ID] & (len(marks) - 1)] = 1
                        if chosen:
                            out[count, 0], out[count, 1], out[count, 2] = event, kind, at
                            count += 1
                    at += 1
        event += 1
        task = place = 0
        if what == SNAPSHOT or what == ODD:
            break
    return count, event


@compiled()
def _signs_of_text(t, i, end):
    """Returns the number of digits, of dots next to digits, and of signs of other personal data in a part of a text."""
    digits = dots = others = 0
    while i < end:
        c = t[i]
        if 0x30 <= c <= 0x39:
            digits += 1
        elif c == 0x2E:
            if i + 1 >= end or (0x30 <= t[i + 1] <= 0x39) or t[i + 1] == _QUOTE:
                dots += 1
        elif (
            c == 0x40
            or c == 0x25
            or c == 0x5F
            or (c == 0x4A and t[i - 1] == 0x79)
            or (c == 0x2D and t[i - 1] == 0x2D)
            or (c == _BACKSLASH and i + 1 < end and t[i + 1] == 0x75)
        ):
            others += 1
        i += 1
    return digits, dots, others


@compiled()
def _is_string(t, place):
    """Returns whether there is a string at an offset; -1: no."""
    return place >= 0 and t[place] == _QUOTE


@compiled()
def _end_of_block(rows, at):
    """Returns the end of the nearest ancestor of a node that is not inline, or of its `_MOST_INLINE`th ancestor."""
    up = rows[at, R_UP]
    for _ in range(_MOST_INLINE):
        if rows[up, R_UP] < 0 or not rows[up, R_LOOK] & LOOK_INLINE:
            break
        up = rows[up, R_UP]
    return rows[up, R_END]


@compiled(types.int64(_READ_ONLY, _TABLE, _TABLE, _TABLE))
def join(t, events, rows, out):
    """Fills `out` with the text nodes that a reader sees as one text, and that may have personal data together.

    Those are texts of one element, with or without comments and inline elements between them, added texts of one
    parent, and changed texts with consecutive ids. A row of `out` is (number of the joined text, row, part): of a long
    text the first part ends one joined text, and the last part begins the next.

    Returns:
        The number of filled rows of `out`, which needs two rows for each of `rows`.
    """
    count = base = number = 0
    for event in range(len(events)):
        task = _task(events, event)
        at, last = events[event, E_ROWS], events[event, E_ROWS_END]
        if (task != SNAPSHOT and task != NODE) or last - at < 2:
            continue
        digits = dots = others = 0
        block_end, parent, previous = 0, ABSENT, ABSENT
        while at <= last:
            kind = rows[at, R_KIND] if at < last else REMOVE
            is_text = is_inline = False
            if kind == NODE:
                is_text = rows[at, R_TYPE] == _TEXT_NODE and _is_string(t, rows[at, R_TEXT])
                is_inline = rows[at, R_TYPE] == _COMMENT_NODE or rows[at, R_LOOK] & LOOK_INLINE != 0
                goes_on = (is_text or is_inline) and at < block_end
                if rows[at, R_UP] < 0:
                    goes_on = goes_on and rows[at, R_PARENT] == parent and parent != ABSENT
                    parent = rows[at, R_PARENT]
                previous = ABSENT
            else:
                is_text = kind == TEXT and _is_string(t, rows[at, R_TEXT])
                goes_on = is_text and previous != ABSENT and rows[at, R_ID] == previous + 1
                previous = rows[at, R_ID] if is_text else ABSENT
                block_end = 0
            if not goes_on:
                if count - base > 1 and (digits >= _LEAST_DIGITS or dots >= _LEAST_DOTS or others > 0):
                    number += 1
                    base = count
                count = base
                digits = dots = others = 0
                if kind == NODE:
                    if not is_text and not is_inline:
                        block_end = rows[at, R_END]
                    elif rows[at, R_UP] < 0:
                        block_end = last
                    else:
                        block_end = _end_of_block(rows, at)
            if is_text:
                start, end = rows[at, R_TEXT] + 1, rows[at, R_TEXT_END] - 1
                is_long = end - start > 2 * _EDGE_BYTES
                out[count, 0], out[count, 1], out[count, 2] = number, at, _HEAD if is_long else _WHOLE
                count += 1
                found = _signs_of_text(t, start, start + _EDGE_BYTES if is_long else end)
                digits, dots, others = digits + found[0], dots + found[1], others + found[2]
                if is_long:
                    if count - base > 1 and (digits >= _LEAST_DIGITS or dots >= _LEAST_DOTS or others > 0):
                        number += 1
                        base = count
                    count = base
                    out[count, 0], out[count, 1], out[count, 2] = number, at, _TAIL
                    count += 1
                    digits, dots, others = _signs_of_text(t, end - _EDGE_BYTES, end)
            at += 1
    return count


@compiled(types.int64(_READ_ONLY, types.int64, types.int64, _TABLE))
def members(t, i, n, out):
    """Fills `out` with (start, end) of each key and of its value in the JSON object at an offset.

    Returns:
        The number of members; -1: more than `out` has rows.
    """
    count = depth = 0
    wants_key = False
    while i < n:
        c = t[i]
        if c == _QUOTE:
            first = i
            i, _ = _quiet(t, i + 1, n)
            i += 1
            if depth == 1 and wants_key:
                if count == len(out):
                    return -1
                out[count, 0], out[count, 1], out[count, 2] = first, i, -1
                wants_key = False
            elif depth == 1 and out[count, 2] < 0:
                out[count, 2], out[count, 3] = first, i
                count += 1
            continue
        if c == _OPEN_OBJECT or c == _OPEN_ARRAY:
            if depth == 0:
                wants_key = True
            elif depth == 1:
                out[count, 2] = i
            depth += 1
        elif c == _CLOSE_OBJECT or c == _CLOSE_ARRAY:
            depth -= 1
            if depth == 0:
                return count
            if depth == 1:
                out[count, 3] = i + 1
                count += 1
        elif c == _COMMA:
            wants_key = wants_key or depth == 1
        elif depth == 1 and not wants_key and c != _COLON and not _ENDS_NUMBER[c]:
            out[count, 2] = i
            while i < n and not _ENDS_NUMBER[t[i]]:
                i += 1
            out[count, 3] = i
            count += 1
            continue
        i += 1
    return count


@compiled(types.UniTuple(types.int64, 3)(_READ_ONLY))
def count(t):
    """Returns the numbers of values and strings in a text, and of elements of its outermost list.

    The text need not be JSON. Of JSON, empty lists and objects count one value too many inside.
    """
    n = len(t)
    values = strings = elements = depth = i = 0
    while i < n:
        c = t[i]
        if c == _QUOTE:
            strings += 1
            i += 1
            while i < n and t[i] != _QUOTE:
                if t[i] == _BACKSLASH:
                    i += 1
                i += 1
        elif c == _COMMA:
            values += 1
            if depth == 1:
                elements += 1
        elif c == _OPEN_ARRAY or c == _OPEN_OBJECT:
            values += 1
            depth += 1
        elif c == _CLOSE_ARRAY or c == _CLOSE_OBJECT:
            depth -= 1
        i += 1
    return values + 1, strings, elements + 1


@compiled()
def _is_half(t, i, n, first, last):
    r"""Returns whether `\ud...` is at an offset, with a third digit, in lower case, from `first` to `last`."""
    if i + 5 >= n or t[i] != _BACKSLASH or t[i + 1] != 0x75 or t[i + 2] | 0x20 != 0x64:
        return False
    for k in range(i + 3, i + 6):
        c = t[k] | 0x20
        if not 0x30 <= t[k] <= 0x39 and not 0x61 <= c <= 0x66:
            return False
    return first <= t[i + 3] | 0x20 <= last


@compiled(types.int64(_WORDS))
def replace_halves(t):
    r"""Replaces each escape of half a surrogate pair by `\ufffd`, in place; returns their number.

    The text need not be JSON.
    """
    n = len(t)
    count = i = 0
    while i < n:
        if t[i] != _BACKSLASH:
            i += 1
            continue
        is_high = _is_half(t, i, n, 0x38, 0x39) or _is_half(t, i, n, 0x61, 0x62)
        if is_high and _is_half(t, i + 6, n, 0x63, 0x66):
            i += 12
            continue
        if not is_high and not _is_half(t, i, n, 0x63, 0x66):
            i += 2
            continue
        t[i + 2] = t[i + 3] = t[i + 4] = 0x66
        t[i + 5] = 0x64
        count += 1
        i += 6
    return count
