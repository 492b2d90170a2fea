"""What runs inside of the limits' store (Valkey or Redis), each script as one step that nothing comes between.

There are two kinds of thing in the store:

- a tank, for a rate: a hash of the level, the time it was right at, and the capacity. It refills on the store's own
  clock, so the clocks of the machines need not agree. A tank that is full is not kept: no key says the same.
- a share, for a quota, a budget or a number of places: a hash of what was used (`u`) and, per worker, what it has used
  (`u:…`) and what it holds (`r:…`: reserved by exchanges under way, or taken ahead). A worker writes its own figures as
  totals and never as differences, so writing them twice, or again after the store has lost everything, does no harm.

What a worker holds counts as used until it is known better. When that makes something scarce, those workers are looked
for that have given no sign of life for so long (`BEAT`) that they must be gone. What they held is free again, except
of a budget: their exchanges may have used it, and nobody will ever tell.

What a tank is told is a difference, so it must not be said twice. The store keeps the number of each worker's last
settlement and tells it with the sign of life: a worker that has not heard the answer finds out whether it was noted.

A connection that was given up may still have something in it that the store reads later, totals of a while ago among
it. So the sign of life says the number of the worker's newest connection; what comes over an older one does nothing.

`epoch` is a name that the store was given when it was empty. Another name means that it has lost what it knew, and then
nothing is taken before the workers have written down their totals again.

The scripts name keys that are not in KEYS (the signs of life), so they are for a store of one primary, with replicas or
not, and not for a cluster of many.
"""

from typing import Final

# KEYS epoch, sign of life, last settlement; ARGV a name in case there is none, seconds that the sign lasts, number of
# the connection
BEAT: Final = """
if tonumber(redis.call('GET', KEYS[2]) or '0') <= tonumber(ARGV[3]) then
  redis.call('SET', KEYS[2], ARGV[3], 'EX', ARGV[2])
end
local epoch = redis.call('GET', KEYS[1])
if not epoch then
  epoch = ARGV[1]
  redis.call('SET', KEYS[1], epoch)
end
return {epoch, redis.call('GET', KEYS[3]) or '0'}
"""

_COMMON: Final = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return {'epoch'}
end
local worker, alive = ARGV[2], ARGV[3]
if tonumber(redis.call('GET', alive .. worker) or '0') > tonumber(ARGV[5]) then
  return {'epoch'}
end
local now = tonumber(ARGV[4])
if not now then
  local time = redis.call('TIME')
  now = time[1] + time[2] / 1000000
end

local function text(number)
  return string.format('%.17g', number)
end

local function level(key, capacity, window)
  local kept = redis.call('HMGET', key, 'l', 't', 'c')
  if not kept[1] then return capacity, now end
  local amount, since, before = tonumber(kept[1]), tonumber(kept[2]), tonumber(kept[3])
  if now > since then amount = math.min(before, amount + (now - since) * before / window) end
  if before ~= capacity then
    amount = math.max(math.min(amount, 0), capacity - (before - amount))
  end
  return amount, math.max(now, since)
end

local function fill(key, capacity, window, amount, time)
  if amount >= capacity then
    redis.call('DEL', key)
    return
  end
  redis.call('HSET', key, 'l', text(amount), 't', text(time), 'c', text(capacity))
  redis.call('PEXPIRE', key, math.ceil((capacity - amount) * window / capacity * 1000) + 1000)
end

local function left(key, amount)
  local kept = redis.call('HVALS', key)
  for _, value in ipairs(kept) do amount = amount - tonumber(value) end
  return amount
end

local function bury(key, kind)
  local kept = redis.call('HGETALL', key)
  for n = 1, #kept, 2 do
    local field, owner = string.match(kept[n], '^([ur]):(.*)$')
    if owner and owner ~= worker and redis.call('EXISTS', alive .. owner) == 0 then
      if field == 'u' or kind == 'b' then redis.call('HINCRBY', key, 'u', kept[n + 1]) end
      redis.call('HDEL', key, kept[n])
    end
  end
end
"""

# KEYS epoch, then each thing's; ARGV epoch, worker, prefix of signs of life, time or nothing, the number of the
# connection, that of this ask, then for each thing: its kind (t a tank, s a share, b the share of a budget), amount,
# window or seconds it is kept, what is needed, what may be taken ahead, and for a tank with a queue how long and how
# many may wait, 0 and 0 without. A queue is a sorted set beside the tank.
TAKE: Final = (
    _COMMON
    + """
local wanted, granted, delay = {}, true, 0
for n = 2, #KEYS do
  local at = 6 + (n - 2) * 7
  local thing = {
    key = KEYS[n], kind = ARGV[at + 1], amount = tonumber(ARGV[at + 2]), span = tonumber(ARGV[at + 3]),
    need = tonumber(ARGV[at + 4]), ahead = tonumber(ARGV[at + 5]),
    patience = tonumber(ARGV[at + 6]), depth = tonumber(ARGV[at + 7]), refused = 0, taken = 0, late = 0,
  }
  wanted[#wanted + 1] = thing
  if thing.kind == 't' then
    thing.left, thing.time = level(thing.key, thing.amount, thing.span)
    local missing = thing.need - thing.left
    if missing > thing.amount / thing.span * 0.000001 then
      local wait = missing * thing.span / thing.amount
      thing.refused = 1
      if thing.depth > 0 and wait <= thing.patience then
        local queue = thing.key .. ':q'
        redis.call('ZREMRANGEBYSCORE', queue, '-inf', now)
        if redis.call('ZCARD', queue) < thing.depth then
          thing.refused = 0
          thing.late = wait
          delay = math.max(delay, wait)
        end
      end
    end
  else
    thing.left = left(thing.key, thing.amount)
    if thing.left < thing.need then
      bury(thing.key, thing.kind)
      thing.left = left(thing.key, thing.amount)
    end
    if thing.left < thing.need then thing.refused = 1 end
  end
  if thing.refused == 1 then granted = false end
end

local told = {granted and 1 or 0, text(delay)}
for _, thing in ipairs(wanted) do
  if granted then
    local ahead = math.max(0, math.min(thing.ahead, math.floor((thing.left - thing.need) / 4)))
    thing.taken = thing.need + ahead
    thing.left = thing.left - thing.taken
    if thing.kind == 't' then
      fill(thing.key, thing.amount, thing.span, thing.left, thing.time)
      if thing.late > 0 then
        redis.call('ZADD', thing.key .. ':q', text(now + delay), worker .. ARGV[6])
        redis.call('PEXPIRE', thing.key .. ':q', math.ceil(delay * 1000) + 1000)
      end
    elseif thing.taken > 0 then
      redis.call('HINCRBY', thing.key, 'r:' .. worker, text(thing.taken))
      redis.call('EXPIRE', thing.key, math.ceil(thing.span))
    end
  end
  told[#told + 1] = text(thing.taken)
  told[#told + 1] = text(thing.left)
  told[#told + 1] = thing.refused
end
return told
"""
)

# the same beginning, with the number of this settlement; then for each thing: its kind, amount, window or seconds, and
# for a tank what is given back (less than nothing: taken on top) and a 0, for a share what this worker has used and
# what it holds
SETTLE: Final = (
    _COMMON
    + """
local told = {1}
for n = 2, #KEYS do
  local at = 6 + (n - 2) * 5
  local key, amount, span = KEYS[n], tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3])
  if ARGV[at + 1] == 't' then
    local before, time = level(key, amount, span)
    local after = math.min(amount, before + tonumber(ARGV[at + 4]))
    fill(key, amount, span, after, time)
    told[#told + 1] = text(after)
  else
    for field, value in pairs({u = ARGV[at + 4], r = ARGV[at + 5]}) do
      if value == '0' then
        redis.call('HDEL', key, field .. ':' .. worker)
      else
        redis.call('HSET', key, field .. ':' .. worker, value)
      end
    end
    redis.call('EXPIRE', key, math.ceil(span))
    told[#told + 1] = text(left(key, amount))
  end
end
redis.call('SET', alive .. worker .. ':settled', ARGV[6], 'EX', 86400)
return told
"""
)
