"""Atomic Redis operations in Lua: no other command runs between a check and its update.

Times are arguments, in milliseconds; keys expire by Redis's own clock, after `PX`. No key is written without a
TTL. OPEN takes and returns one MessagePack string: a dozen strings each way cost the client more than the rest of
the round trip.
"""

from __future__ import annotations

import hashlib

FIELDS = (
    "project",
    "session",
    "created_by",
    "created",
    "expires",
    "start",
    "end",
    "max_views",
    "views",
    "passcode",
    "label",
)
"""Fields of a link's hash contained in answers, in this order. Two more exist: `digest` and `creator_key`."""

_QUOTED = ", ".join(f"'{name}'" for name in FIELDS)
_PASSCODE = FIELDS.index("passcode") + 1
_EXPIRES = FIELDS.index("expires") + 1
_MAX_VIEWS = FIELDS.index("max_views") + 1
_VIEWS = FIELDS.index("views") + 1

CREATE = """
-- KEYS: link, origin, and the lists that name it. ARGV: id, created_ms, ttl_ms, ttl_ms of the origin, origin,
-- prefix of links, then field, value ...
local ttl = tonumber(ARGV[3])
redis.call('HSET', KEYS[1], unpack(ARGV, 7))
redis.call('PEXPIRE', KEYS[1], ttl)
redis.call('SET', KEYS[2], ARGV[5], 'PX', ARGV[4])
for place = 3, #KEYS do
    -- Ended links leave their ids in the lists. Sampling keeps their number low, like Redis' own expiry of keys.
    for _, id in ipairs(redis.call('ZRANDMEMBER', KEYS[place], 4)) do
        if redis.call('EXISTS', ARGV[6] .. id) == 0 then redis.call('ZREM', KEYS[place], id) end
    end
    redis.call('ZADD', KEYS[place], ARGV[2], ARGV[1])
    if redis.call('PTTL', KEYS[place]) < ttl then redis.call('PEXPIRE', KEYS[place], ttl) end
end
"""

OPEN = f"""
-- KEYS: link, origin, renewal, rate. ARGV: MessagePack of act, digest of the token, now_ms, matched passcode
-- hash, ttl_ms of a renewal, interval_ms between requests (0: no limit), burst_ms.
local act, token, now, matched, renewal_ttl, interval, burst = unpack(cmsgpack.unpack(ARGV[1]))
if interval > 0 then
    -- Generic cell rate algorithm: the key holds when the bucket will be empty again.
    local due = math.max(tonumber(redis.call('GET', KEYS[4]) or 0), now) + interval
    local wait = due - now - burst
    if wait > 0 then return cmsgpack.pack({{'limited', wait}}) end
    redis.call('SET', KEYS[4], due, 'PX', due - now)
end
local origin = redis.call('GET', KEYS[2])
local digest = redis.call('HGET', KEYS[1], 'digest')
local link = redis.call('HMGET', KEYS[1], {_QUOTED})
local known
if act == 'renew' then
    known = redis.call('EXISTS', KEYS[3]) == 1
else
    -- Lua keeps one copy of each string and compares addresses: this takes the same time for any difference.
    known = digest == token
end
if not digest or not known or tonumber(link[{_EXPIRES}]) <= now then return cmsgpack.pack({{'gone', origin}}) end
-- An existing renewal belongs to this redemption: the script was sent twice, and its view is already counted.
local counted = act == 'redeem' and redis.call('EXISTS', KEYS[3]) == 1
local left = counted or link[{_MAX_VIEWS}] == '' or tonumber(link[{_VIEWS}]) < tonumber(link[{_MAX_VIEWS}])
if act ~= 'renew' then
    if not left then return cmsgpack.pack({{'gone', origin}}) end
    if act == 'redeem' and link[{_PASSCODE}] ~= '' and link[{_PASSCODE}] ~= matched then
        return cmsgpack.pack({{'locked', unpack(link)}})
    end
end
if act ~= 'look' then
    local rest = redis.call('PTTL', KEYS[1])
    if rest < 1 then return cmsgpack.pack({{'gone', origin}}) end
    redis.call('SET', KEYS[3], '1', 'PX', math.min(renewal_ttl, rest))
    if act == 'redeem' and not counted then link[{_VIEWS}] = redis.call('HINCRBY', KEYS[1], 'views', 1) end
end
return cmsgpack.pack({{'opened', unpack(link)}})
"""

TAKE_BACK = """
-- KEYS: link, renewal. Undoes a redemption with an undelivered grant.
if redis.call('DEL', KEYS[2]) == 1 and redis.call('EXISTS', KEYS[1]) == 1 then
    redis.call('HINCRBY', KEYS[1], 'views', -1)
end
"""

ATTEMPT = """
-- KEYS: counters. ARGV: now_ms, ttl_ms, then for each key: number of free attempts, longest wait in ms.
-- Counts before the passcode is checked: concurrent guesses must not all see the old count.
local now = tonumber(ARGV[1])
for place, key in ipairs(KEYS) do
    local free_at = tonumber(redis.call('HGET', key, 'free_at') or 0)
    if free_at > now then return free_at - now end
end
for place, key in ipairs(KEYS) do
    local count = redis.call('HINCRBY', key, 'count', 1)
    redis.call('PEXPIRE', key, ARGV[2])
    local over = count - tonumber(ARGV[1 + 2 * place])
    if over >= 0 then
        local wait = math.min(1000 * 2 ^ math.min(over, 30), tonumber(ARGV[2 + 2 * place]))
        redis.call('HSET', key, 'free_at', now + wait)
    end
end
return 0
"""

FORGIVE = """
-- KEYS: counter of the link, counter of the address. The passcode was right, so it does not count as a guess.
if redis.call('EXISTS', KEYS[1]) == 1 then
    redis.call('HINCRBY', KEYS[1], 'count', -1)
    redis.call('HDEL', KEYS[1], 'free_at')
end
redis.call('DEL', KEYS[2])
"""

NAMES = {
    script: hashlib.sha1(script.encode()).hexdigest()  # noqa: S324 - Redis identifies scripts by SHA-1
    for script in (CREATE, OPEN, TAKE_BACK, ATTEMPT, FORGIVE)
}
"""Name of each script for EVALSHA."""
