"""Users who are still inside when a drill ends leave, as people do who close the page.

A request that nobody waits for any more would otherwise keep its place in the line for a request thread, and
the stack would serve ghosts for minutes.
"""

import asyncio
from collections.abc import Iterable, Iterator

from stack.drills.journey import TOKEN_PATH, with_token
from stack.load.http_client import Address, HttpClient
from stack.load.steady_clock import Clock

_AT_ONCE = 8
_TIMEOUT = 5.0


async def send_home(service: Address, tokens: Iterable[str], clock: Clock) -> None:
    """Give back every token; one that cannot be given back ends by the service's own rule of silence."""
    leaving = iter(sorted(tokens))
    await asyncio.gather(*(_leave(service, leaving, clock) for _ in range(_AT_ONCE)))


async def _leave(service: Address, tokens: Iterator[str], clock: Clock) -> None:
    client = HttpClient(service, clock, _TIMEOUT)
    try:
        for token in tokens:
            await client.send("DELETE", TOKEN_PATH, with_token(token))
    finally:
        client.close()
