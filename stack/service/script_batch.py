"""Scripts of many users in one round trip.

A crowd of hundreds asks about its tokens at once. Each question alone costs a connection, two system calls
and a reply parser; here all that come up while one round trip runs share the next one. Round trips keep 20 ms
apart: a lone question goes at once, a crowd's questions gather.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis as AsyncRedis
from redis.exceptions import RedisError

AT_ONCE = 500
SPACING_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class _Question:
    script: str
    keys: Sequence[str]
    arguments: Sequence[str | int | float]
    answer: "asyncio.Future[Any]"


class ScriptBatch:
    """Runs Lua scripts over one connection, in the order of asking, up to `AT_ONCE` per round trip.

    It belongs to the event loop that first calls it.
    """

    def __init__(self, client: AsyncRedis) -> None:
        self._client = client
        self._waiting: list[_Question] = []
        self._carrier: asyncio.Task[None] | None = None
        self._carried_at = float("-inf")

    async def run(self, script: str, keys: Sequence[str], arguments: Sequence[str | int | float]) -> Any:
        """The script's answer.

        Raises:
            redis.exceptions.RedisError: Valkey refused it, or could not be reached.
        """
        answer = asyncio.get_running_loop().create_future()
        self._waiting.append(_Question(script, keys, arguments, answer))
        if self._carrier is None:
            self._carrier = asyncio.create_task(self._carry())
        return await answer

    async def _carry(self) -> None:
        try:
            while self._waiting:
                await self._keep_apart()
                batch, self._waiting = self._waiting[:AT_ONCE], self._waiting[AT_ONCE:]
                await self._round_trip(batch)
        finally:
            self._carrier = None

    async def _keep_apart(self) -> None:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(self._carried_at + SPACING_SECONDS - loop.time())
        self._carried_at = loop.time()

    async def _round_trip(self, batch: Sequence[_Question]) -> None:
        # EVAL with the text, not EVALSHA: a restarted Valkey has forgotten every script.
        pipeline = self._client.pipeline(transaction=False)
        for asked in batch:
            pipeline.eval(asked.script, len(asked.keys), *asked.keys, *asked.arguments)
        try:
            answers = await pipeline.execute(raise_on_error=False)
        except RedisError as error:
            answers = [error] * len(batch)
        for asked, answer in zip(batch, answers, strict=True):
            _give(asked.answer, answer)


def _give(future: "asyncio.Future[Any]", answer: Any) -> None:
    if future.done():
        return
    if isinstance(answer, Exception):
        future.set_exception(answer)
    else:
        future.set_result(answer)
