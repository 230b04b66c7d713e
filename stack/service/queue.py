"""The waiting queue in Valkey: two sorted sets, each change one atomic script.

Every token draws a ticket number when it is issued and keeps it for life; both sets are ordered by it. Users
are admitted in the order of their tickets, so everybody active has a lower number than everybody waiting, and
an active user who is put back lands at the head of the line, in order, by that number alone.

    queue:waiting  token -> ticket      queue:seen   token -> when it was last used (Unix seconds)
    queue:active   token -> ticket      queue:since  token -> since when it waits
    queue:ticket   the last ticket      queue:member token -> the user it was issued to
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, cast

from redis import Redis

from stack.service.queue_rules import Crowd
from stack.service.script_batch import ScriptBatch

KEYS = ("queue:waiting", "queue:active", "queue:seen", "queue:since", "queue:member", "queue:ticket")
SWEEP_AT_ONCE = 2000

_ISSUE = """
local waiting = redis.call('ZCARD', KEYS[1])
if waiting >= tonumber(ARGV[4]) then return -1 end
redis.call('ZADD', KEYS[1], redis.call('INCR', KEYS[6]), ARGV[1])
redis.call('ZADD', KEYS[3], ARGV[3], ARGV[1])
redis.call('HSET', KEYS[4], ARGV[1], ARGV[3])
redis.call('HSET', KEYS[5], ARGV[1], ARGV[2])
return waiting + 1
"""

_LOOK = """
if redis.call('ZSCORE', KEYS[2], ARGV[1]) then
  redis.call('ZADD', KEYS[3], 'XX', ARGV[2], ARGV[1])
  return {0, redis.call('HGET', KEYS[5], ARGV[1])}
end
local rank = redis.call('ZRANK', KEYS[1], ARGV[1])
if not rank then return {-1, false} end
redis.call('ZADD', KEYS[3], 'XX', ARGV[2], ARGV[1])
return {rank + 1, redis.call('HGET', KEYS[5], ARGV[1])}
"""

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

_ADMIT = """
local count = math.min(tonumber(ARGV[1]), tonumber(ARGV[2]) - redis.call('ZCARD', KEYS[2]))
if count <= 0 then return 0 end
local users = redis.call('ZPOPMIN', KEYS[1], count)
for i = 1, #users, 2 do
  redis.call('ZADD', KEYS[2], users[i + 1], users[i])
  redis.call('HDEL', KEYS[4], users[i])
end
return #users / 2
"""

_PUT_BACK = """
local excess = redis.call('ZCARD', KEYS[2]) - tonumber(ARGV[1])
if excess <= 0 then return 0 end
local users = redis.call('ZPOPMAX', KEYS[2], excess)
for i = 1, #users, 2 do
  redis.call('ZADD', KEYS[1], users[i + 1], users[i])
  redis.call('HSET', KEYS[4], users[i], ARGV[2])
end
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
return {redis.call('ZCARD', KEYS[1]), redis.call('ZCARD', KEYS[2]), since}
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

    async def look(self, token: str, now: float) -> Place:
        """Where the token stands; asking is a sign of life."""
        return _place(await self._batch.run(_LOOK, KEYS, (token, now)))

    async def leave(self, token: str) -> bool:
        """Give up the place or the slot; False if there was none."""
        return int(await self._batch.run(_LEAVE, KEYS, (token,))) > 0


class Queue:
    """What request threads and the scheduler do with the queue.

    Raises (from every method): redis.exceptions.RedisError.
    """

    def __init__(self, client: Redis) -> None:
        self._look = client.register_script(_LOOK)
        self._leave = client.register_script(_LEAVE)
        self._admit = client.register_script(_ADMIT)
        self._put_back = client.register_script(_PUT_BACK)
        self._touch = client.register_script(_TOUCH)
        self._sweep = client.register_script(_SWEEP)
        self._crowd = client.register_script(_CROWD)

    def look(self, token: str, now: float) -> Place:
        """Where the token stands; asking is a sign of life."""
        return _place(cast(list[Any], self._look(keys=KEYS, args=(token, now))))

    def leave(self, token: str) -> bool:
        """End the journey; False if the token was not known."""
        return int(cast(int, self._leave(keys=KEYS, args=(token,)))) > 0

    def admit(self, count: int, cap: int) -> int:
        """Let up to ``count`` users in, oldest ticket first, never beyond ``cap``; how many came in."""
        return int(cast(int, self._admit(keys=KEYS, args=(count, cap))))

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

    def crowd(self) -> Crowd:
        """How many wait and act, and since when the first in line waits."""
        waiting, active, since = cast(list[Any], self._crowd(keys=KEYS))
        return Crowd(int(waiting), int(active), None if since is None else float(since))


def _place(answer: list[Any]) -> Place:
    number, member = int(answer[0]), answer[1]
    user_id = None if member is None else int(member)
    if number < 0:
        return Place(Standing.UNKNOWN, number, None)
    return Place(Standing.WAITING if number else Standing.ACTIVE, number, user_id)
