"""The waiting queue in Valkey: two sorted sets, each change one atomic script.

Every token draws a ticket number when it is issued and keeps it for life; both sets are ordered by it, so an
active user who is put back lands at the head of the line, in order, by that number alone.

The scheduler opens places and calls the tickets at the head of the line; a place is taken when a called user
asks. Who has gone silently never asks, so no place is spent on ghosts: when users give up after about as long
as the line takes, nearly the whole head of it are ghosts.

    queue:waiting  token -> ticket      queue:seen   token -> when it was last used (Unix seconds)
    queue:active   token -> ticket      queue:since  token -> since when it waits
    queue:ticket   the last ticket      queue:member token -> the user it was issued to
    queue:door     open: places that may be taken; called: the last ticket that may; taken: so far
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, cast

from redis import Redis

from stack.service.queue_rules import SILENT_SECONDS, Crowd
from stack.service.script_batch import ScriptBatch

KEYS = (
    "queue:waiting",
    "queue:active",
    "queue:seen",
    "queue:since",
    "queue:member",
    "queue:ticket",
    "queue:door",
)
SWEEP_AT_ONCE = 2000

# Letting people in must go on when the memory is full: it moves what is there already.
_WHEN_FULL = "#!lua flags=allow-oom\n"

_ISSUE = """
local waiting = redis.call('ZCARD', KEYS[1])
if waiting >= tonumber(ARGV[4]) then return -1 end
redis.call('ZADD', KEYS[1], redis.call('INCR', KEYS[6]), ARGV[1])
redis.call('ZADD', KEYS[3], ARGV[3], ARGV[1])
redis.call('HSET', KEYS[4], ARGV[1], ARGV[3])
redis.call('HSET', KEYS[5], ARGV[1], ARGV[2])
return waiting + 1
"""

_STANDING = """
if redis.call('ZSCORE', KEYS[2], ARGV[1]) then
  redis.call('ZADD', KEYS[3], 'XX', ARGV[2], ARGV[1])
  return {0, redis.call('HGET', KEYS[5], ARGV[1])}
end
local rank = redis.call('ZRANK', KEYS[1], ARGV[1])
if not rank then return {-1, false} end
redis.call('ZADD', KEYS[3], 'XX', ARGV[2], ARGV[1])
"""

_LOOK = (
    _STANDING
    + """
return {rank + 1, redis.call('HGET', KEYS[5], ARGV[1])}
"""
)

_ASK = (
    _WHEN_FULL
    + _STANDING
    + """
local ticket = redis.call('ZSCORE', KEYS[1], ARGV[1])
local open = tonumber(redis.call('HGET', KEYS[7], 'open') or 0)
if open > 0 and tonumber(ticket) <= tonumber(redis.call('HGET', KEYS[7], 'called') or 0) then
  redis.call('HINCRBY', KEYS[7], 'open', -1)
  redis.call('HINCRBY', KEYS[7], 'taken', 1)
  redis.call('ZREM', KEYS[1], ARGV[1])
  redis.call('ZADD', KEYS[2], ticket, ARGV[1])
  redis.call('HDEL', KEYS[4], ARGV[1])
  return {0, redis.call('HGET', KEYS[5], ARGV[1])}
end
return {rank + 1, redis.call('HGET', KEYS[5], ARGV[1])}
"""
)

_FORGET = """
local function forget(token)
  local waited = redis.call('ZREM', KEYS[1], token)
  local acted = redis.call('ZREM', KEYS[2], token)
  redis.call('ZREM', KEYS[3], token)
  redis.call('HDEL', KEYS[4], token)
  redis.call('HDEL', KEYS[5], token)
  return waited, acted
end
"""

_LEAVE = (
    _FORGET
    + """
local waited, acted = forget(ARGV[1])
return waited + acted
"""
)

_OPEN = (
    _WHEN_FULL
    + """
local places, heard_since, calls = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local called, first = 0, 0
while calls > 0 do
  local line = redis.call('ZRANGE', KEYS[1], first, first + 99, 'WITHSCORES')
  if #line == 0 then break end
  for i = 1, #line, 2 do
    called = line[i + 1]
    if tonumber(redis.call('ZSCORE', KEYS[3], line[i]) or 0) >= heard_since then calls = calls - 1 end
    if calls == 0 then break end
  end
  first = first + 100
end
redis.call('HSET', KEYS[7], 'open', places, 'called', called)
return places
"""
)

_PUT_BACK = """
local excess = redis.call('ZCARD', KEYS[2]) - tonumber(ARGV[1])
if excess <= 0 then return 0 end
local users = redis.call('ZPOPMAX', KEYS[2], excess)
for i = 1, #users, 2 do
  redis.call('ZADD', KEYS[1], users[i + 1], users[i])
  redis.call('HSET', KEYS[4], users[i], ARGV[2])
end
redis.call('HSET', KEYS[7], 'open', 0)
return #users / 2
"""

_TOUCH = """
for i = 2, #ARGV do redis.call('ZADD', KEYS[3], 'XX', ARGV[1], ARGV[i]) end
return #ARGV - 1
"""

_SWEEP = (
    _FORGET
    + """
local abandoned, silent = 0, 0
for _, token in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', ARGV[1], 'LIMIT', 0, ARGV[2])) do
  local waited, acted = forget(token)
  abandoned = abandoned + waited
  silent = silent + acted
end
return {abandoned, silent}
"""
)

_CROWD = """
local head = redis.call('ZRANGE', KEYS[1], 0, 0)[1]
local since = head and redis.call('HGET', KEYS[4], head) or false
return {
  redis.call('ZCARD', KEYS[1]), redis.call('ZCARD', KEYS[2]), since,
  redis.call('HGET', KEYS[7], 'open') or 0, redis.call('HGET', KEYS[7], 'taken') or 0,
  redis.call('ZCOUNT', KEYS[3], ARGV[1], ARGV[2])
}
"""


class Standing(StrEnum):
    """What a token may do."""

    ACTIVE = "active"
    WAITING = "waiting"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a token stands; ``number`` counts from 1 while waiting and is 0 once active."""

    standing: Standing
    number: int
    user_id: int | None


@dataclass(frozen=True, slots=True)
class Swept:
    """Tokens dropped for silence: still waiting, and already active."""

    abandoned: int
    silent: int


class QueueDesk:
    """What users do with their tokens; it never takes a request thread.

    Raises (from every method): redis.exceptions.RedisError.
    """

    def __init__(self, batch: ScriptBatch, waiting_limit: int) -> None:
        self._batch = batch
        self._waiting_limit = waiting_limit

    async def issue(self, token: str, user_id: int, now: float) -> int | None:
        """Put a new token at the end of the line: its number, or None when the line is full."""
        number = await self._batch.run(_ISSUE, KEYS, (token, user_id, now, self._waiting_limit))
        return int(number) if number > 0 else None

    async def ask(self, token: str, now: float) -> Place:
        """Where the token stands; a called user takes an open place by asking."""
        return _place(await self._batch.run(_ASK, KEYS, (token, now)))

    async def leave(self, token: str) -> bool:
        """Give up the place or the slot; False if there was none."""
        return int(await self._batch.run(_LEAVE, KEYS, (token,))) > 0


class Queue:
    """What request threads and the scheduler do with the queue.

    Raises (from every method): redis.exceptions.RedisError.
    """

    def __init__(self, client: Redis) -> None:
        self._look = client.register_script(_LOOK)
        self._ask = client.register_script(_ASK)
        self._leave = client.register_script(_LEAVE)
        self._open = client.register_script(_OPEN)
        self._put_back = client.register_script(_PUT_BACK)
        self._touch = client.register_script(_TOUCH)
        self._sweep = client.register_script(_SWEEP)
        self._crowd = client.register_script(_CROWD)

    def look(self, token: str, now: float) -> Place:
        """Where the token stands; a request is a sign of life, and takes no place."""
        return _place(cast(list[Any], self._look(keys=KEYS, args=(token, now))))

    def ask(self, token: str, now: float) -> Place:
        """Where the token stands; a called user takes an open place by asking."""
        return _place(cast(list[Any], self._ask(keys=KEYS, args=(token, now))))

    def leave(self, token: str) -> bool:
        """End the journey; False if the token was not known."""
        return int(cast(int, self._leave(keys=KEYS, args=(token,)))) > 0

    def open(self, places: int, calls: int, heard_since: float) -> None:
        """Open places, in place of those still open, and call the head of the line to them.

        Args:
            places: how many may enter.
            calls: how many users to call among those heard since ``heard_since``; more than there are places
                where some of them will not ask again.
        """
        self._open(keys=KEYS, args=(places, heard_since, calls))

    def put_back(self, cap: int, now: float) -> int:
        """Send the newest active users above ``cap`` back to the head of the line; how many went."""
        return int(cast(int, self._put_back(keys=KEYS, args=(cap, now))))

    def touch(self, tokens: Sequence[str], now: float) -> None:
        """A request that is still being served is a sign of life of its token."""
        if tokens:
            self._touch(keys=KEYS, args=(now, *tokens))

    def sweep(self, silent_since: float) -> Swept:
        """Drop what was last used at or before ``silent_since``, at most `SWEEP_AT_ONCE` at a time."""
        abandoned, silent = cast(list[int], self._sweep(keys=KEYS, args=(silent_since, SWEEP_AT_ONCE)))
        return Swept(int(abandoned), int(silent))

    def crowd(self, now: float) -> Crowd:
        """How many wait and act, what of the door is open, and how many fell silent."""
        silent = (now - SILENT_SECONDS[1], now - SILENT_SECONDS[0])
        waiting, active, since, places, taken, quiet = cast(list[Any], self._crowd(keys=KEYS, args=silent))
        return Crowd(
            waiting=int(waiting),
            active=int(active),
            oldest_since=None if since is None else float(since),
            places=int(places),
            taken=int(taken),
            fell_silent=int(quiet),
        )


def _place(answer: list[Any]) -> Place:
    number, member = int(answer[0]), answer[1]
    user_id = None if member is None else int(member)
    if number < 0:
        return Place(Standing.UNKNOWN, number, None)
    return Place(Standing.WAITING if number else Standing.ACTIVE, number, user_id)
