"""What a Redis says of its memory, its clients and its slow commands, over a connection of its own.

CONFIG is never asked, and of a slow command only its name, its key without ids, and its length are kept.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass

from collector.deadline import Deadline
from collector.failures import WIRE_ERRORS, wire_error
from collector.redis import INFO_LIMIT_BYTES, RedisSettings, fields_of, open_connection
from collector.resolver import Resolver
from collector.resp_connection import Reply, RespConnection
from collector.round import ErrorKind
from collector.source import ScrapeError

SLOW_COMMANDS = 10
KEY_LENGTH = 60
_IDS = re.compile(r"[0-9a-fA-F]{8,}(?:-[0-9a-fA-F]{4,})*|\d+")

_KEY_FIRST = """
    APPEND DECR DECRBY DEL EXISTS EXPIRE EXPIREAT GET GETDEL GETEX GETRANGE GETSET HDEL HEXISTS HGET HGETALL
    HINCRBY HKEYS HLEN HMGET HMSET HSCAN HSET HSETNX HVALS INCR INCRBY INCRBYFLOAT KEYS LINDEX LLEN LPOP LPUSH
    LRANGE LREM LSET LTRIM MGET MSET PERSIST PEXPIRE PSETEX PTTL RENAME RPOP RPUSH SADD SCARD SDIFF SET SETEX
    SETNX SETRANGE SINTER SISMEMBER SMEMBERS SPOP SREM SSCAN STRLEN SUNION TTL TYPE UNLINK ZADD ZCARD ZCOUNT
    ZINCRBY ZPOPMIN ZRANGE ZRANGEBYSCORE ZRANK ZREM ZREVRANGE ZSCAN ZSCORE
"""
KEY_FIRST = frozenset(_KEY_FIRST.split())
"""Commands whose first word is a key; of others only the name is shown, for what follows may be a secret."""


@dataclass(frozen=True, slots=True)
class SlowCommand:
    """One entry of the slow log: Unix seconds, how long it took in seconds, what it was, how many words."""

    at: float
    seconds: float
    text: str
    words: int


@dataclass(frozen=True, slots=True)
class RedisFound:
    """INFO's fields as they are written, the newest slow commands, and what is missing."""

    fields: Mapping[str, str]
    slow: tuple[SlowCommand, ...]
    notes: tuple[str, ...]


class RedisLook:
    """One Redis or Valkey."""

    def __init__(self, settings: RedisSettings, resolver: Resolver) -> None:
        self._settings = settings
        self._resolver = resolver

    @property
    def where(self) -> str:
        """host:port."""
        return f"{self._settings.host}:{self._settings.port}"

    def extract(self, deadline: Deadline) -> RedisFound:
        """INFO and the slow log. Raises ScrapeError; without the slow log, a note says why."""
        try:
            opened = open_connection(self._settings, self._resolver, deadline, INFO_LIMIT_BYTES)
            with closing(opened) as connection:
                fields = fields_of(connection.command(deadline, "INFO"))
                slow, notes = _slow_log(connection, deadline)
        except WIRE_ERRORS as error:
            raise wire_error(error, self.where, self._settings.host, deadline) from error
        return RedisFound(fields, slow, notes)


def _slow_log(
    connection: RespConnection, deadline: Deadline
) -> tuple[tuple[SlowCommand, ...], tuple[str, ...]]:
    try:
        reply = connection.ask(deadline, "SLOWLOG", "GET", str(SLOW_COMMANDS))
        return tuple(_slow_commands(reply)), ()
    except ScrapeError as error:
        return (), (f"The slow log could not be read: {error.text}.",)


def _slow_commands(reply: Reply) -> Iterator[SlowCommand]:
    for entry in reply if isinstance(reply, list) else ():
        match entry:
            case [int(), int(at), int(microseconds), [*words], *_]:
                yield SlowCommand(float(at), microseconds / 1e6, _shown(words), len(words))
            case _:
                raise ScrapeError(ErrorKind.BAD_FORMAT, "an entry has another form than Redis'")


def _shown(words: Sequence[Reply]) -> str:
    texts = [word for word in words if isinstance(word, str)]
    name = texts[0].upper()[:KEY_LENGTH] if texts else ""
    if name not in KEY_FIRST or len(texts) < 2:
        return name
    key = _IDS.sub("?", texts[1])
    return f"{name} {key if len(key) <= KEY_LENGTH else key[: KEY_LENGTH - 1] + '…'}"
