"""The scripts that limit guesses of a passcode, of one address and in all (docs/adr/0016).

Both limits are a generic cell rate algorithm: a time in the future, from which on no wrong passcode counts any more.
Each passcode moves it by one interval, and it may lie at most a number of intervals ahead.
"""

from __future__ import annotations

ATTEMPT = """
-- KEYS: link, counter of the address. ARGV: now_ms, then of the address and of the link: most wrong passcodes,
-- interval_ms after which one is forgiven. Returns the time to wait in ms; 0: none.
-- Counts before the passcode is checked: concurrent guesses must not all see the old count.
local now = tonumber(ARGV[1])
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
local interval = tonumber(ARGV[3])
local due = math.max(tonumber(redis.call('GET', KEYS[2]) or 0), now) + interval
local wait = due - now - interval * tonumber(ARGV[2])
if wait > 0 then return wait end
local link_interval = tonumber(ARGV[5])
local link_due = math.max(tonumber(redis.call('HGET', KEYS[1], 'wrong_due') or 0), now) + link_interval
-- The last guesses are being checked: they lock the link, or make room.
if link_due - now > link_interval * tonumber(ARGV[4]) then return 1000 end
redis.call('SET', KEYS[2], due, 'PX', due - now)
redis.call('HSET', KEYS[1], 'wrong_due', link_due)
return 0
"""

RIGHT = """
-- KEYS: link, counter of the address. ARGV: now_ms, interval_ms of the address, interval_ms of the link.
-- The passcode was right, so it does not count as a guess.
local now = tonumber(ARGV[1])
local due = tonumber(redis.call('GET', KEYS[2]) or 0) - tonumber(ARGV[2])
if due > now then redis.call('SET', KEYS[2], due, 'PX', due - now) else redis.call('DEL', KEYS[2]) end
local link_due = tonumber(redis.call('HGET', KEYS[1], 'wrong_due') or 0)
if link_due > 0 then redis.call('HSET', KEYS[1], 'wrong_due', link_due - tonumber(ARGV[3])) end
"""

WRONG = """
-- KEYS: link. ARGV: now_ms, most wrong passcodes of the link, interval_ms of the link.
-- Returns the number of wrong passcodes if this one has locked the link, else 0.
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
local count = redis.call('HINCRBY', KEYS[1], 'wrong', 1)
local ahead = tonumber(redis.call('HGET', KEYS[1], 'wrong_due') or 0) - tonumber(ARGV[1])
-- The share of an interval that has passed since the first of them is not forgiven yet.
if math.ceil(ahead / tonumber(ARGV[3])) < tonumber(ARGV[2]) then return 0 end
if (redis.call('HGET', KEYS[1], 'locked') or '') ~= '' then return 0 end
redis.call('HSET', KEYS[1], 'locked', ARGV[1])
return count
"""
