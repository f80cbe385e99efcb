"""The scripts that store a new link, and the range of one of an older version."""

from __future__ import annotations

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

FIX = """
-- KEYS: link. ARGV: origin, start ('': none), requested start ('': none). The first caller's range remains.
-- Returns origin, start and requested start; nothing if the link has ended.
if redis.call('EXISTS', KEYS[1]) == 0 then return {} end
if (redis.call('HGET', KEYS[1], 'origin') or '') == '' then
    redis.call('HSET', KEYS[1], 'origin', ARGV[1], 'start', ARGV[2], 'requested_start', ARGV[3])
end
return redis.call('HMGET', KEYS[1], 'origin', 'start', 'requested_start')
"""
