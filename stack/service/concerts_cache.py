"""The concert list behind a cache in Valkey.

``published`` keeps the whole list as one value that never expires, as the original did: every page view
fetches and decodes all of it. ``improved`` keeps page by page, with a time to live.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

from redis import Redis

from stack.service.concert_store import Concert
from stack.service.meters import Counter

PAGE_SIZE = 20
WHOLE_LIST_KEY = "cache:concerts"
PAGE_KEY = "cache:concerts:page:{page}"
PAGE_SECONDS = 600


@dataclass(frozen=True, slots=True)
class CacheReading:
    """What the management port shows of the cache."""

    name: str
    layout: str
    hits: int
    misses: int
    expires_seconds: int | None


class ConcertsCache:
    """Reads through the cache; what to load on a miss is the caller's."""

    def __init__(self, client: Redis, whole_list: bool) -> None:
        self._client = client
        self._whole_list = whole_list
        self._hits = Counter()
        self._misses = Counter()

    def page(
        self,
        number: int,
        load_all: Callable[[], Sequence[Concert]],
        load_page: Callable[[int, int], Sequence[Concert]],
    ) -> Sequence[Concert]:
        """Page ``number``, counted from 1.

        Raises:
            redis.exceptions.RedisError: the cache does not answer.
        """
        first = (number - 1) * PAGE_SIZE
        if self._whole_list:
            rows = self._through(WHOLE_LIST_KEY, None, load_all)[first : first + PAGE_SIZE]
        else:
            key = PAGE_KEY.format(page=number)
            rows = self._through(key, PAGE_SECONDS, lambda: load_page(first, PAGE_SIZE))
        return [Concert(*row) for row in rows]

    def reading(self) -> CacheReading:
        """Hits and misses so far."""
        layout = "whole-list" if self._whole_list else "page"
        expires = None if self._whole_list else PAGE_SECONDS
        return CacheReading("concerts", layout, self._hits.value, self._misses.value, expires)

    def _through(
        self, key: str, seconds: int | None, load: Callable[[], Sequence[Concert]]
    ) -> list[tuple[int, str]]:
        cached = cast(bytes | None, self._client.get(key))
        if cached is not None:
            self._hits.add()
            rows: list[tuple[int, str]] = json.loads(cached)
            return rows
        self._misses.add()
        rows = [(concert.id, concert.title) for concert in load()]
        self._client.set(key, json.dumps(rows, ensure_ascii=False), ex=seconds)
        return rows
