"""The script that opens a link: it checks the rate, the token, expiry, views and the passcode in one step.

It takes and returns one MessagePack string: a dozen strings each way cost the client more than the rest of the round
trip.
"""

from __future__ import annotations

from services.share.lua_scripts.link_fields import FIELDS

_QUOTED = ", ".join(f"'{name}'" for name in FIELDS)
_PASSCODE = FIELDS.index("passcode") + 1
_EXPIRES = FIELDS.index("expires") + 1
_MAX_VIEWS = FIELDS.index("max_views") + 1
_VIEWS = FIELDS.index("views") + 1
_LOCKED = FIELDS.index("locked") + 1

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
    local locked = link[{_LOCKED}] and link[{_LOCKED}] ~= ''
    if not left or locked then return cmsgpack.pack({{'gone', origin}}) end
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
