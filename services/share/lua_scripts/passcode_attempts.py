"""The scripts that slow down guesses of a passcode."""

from __future__ import annotations

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
