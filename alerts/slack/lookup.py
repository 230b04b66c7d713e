"""Finding a message again whose answer was lost: by the key that it carries as metadata."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from slack_sdk import WebClient

PAGE = 200
PAGES = 15
CLOCKS_APART = 600.0
"""Seconds that our clock and Slack's may differ."""


@dataclass(frozen=True, slots=True)
class Found:
    """A message of ours; ``through`` is the last timeline row it tells, None when it tells none."""

    channel: str
    ts: str
    through: int | None


@dataclass(frozen=True, slots=True)
class Lookup:
    """Reads a channel's history or a thread; raises what slack-sdk raises."""

    client: WebClient
    channel: str

    def in_channel(self, key: str, since: float | None) -> Found | None:
        """A message in the channel, posted at ``since`` (Unix seconds) or later, or shortly before."""
        oldest = "0" if since is None else f"{since - CLOCKS_APART:.6f}"
        return self._first(key, lambda cursor: self._history(oldest, cursor))

    def in_thread(self, key: str, ts: str) -> Found | None:
        """An answer in the thread of the message ``ts``."""
        return self._first(key, lambda cursor: self._replies(ts, cursor))

    def _history(self, oldest: str, cursor: str | None) -> Any:
        return self.client.conversations_history(
            channel=self.channel, oldest=oldest, limit=PAGE, cursor=cursor, include_all_metadata=True
        )

    def _replies(self, ts: str, cursor: str | None) -> Any:
        return self.client.conversations_replies(
            channel=self.channel, ts=ts, limit=PAGE, cursor=cursor, include_all_metadata=True
        )

    def _first(self, key: str, page: Callable[[str | None], Any]) -> Found | None:
        for message in _messages(page):
            payload = _payload(message)
            if payload.get("key") == key:
                through = payload.get("through")
                return Found(self.channel, str(message["ts"]), int(through) if through is not None else None)
        return None


def _messages(page: Callable[[str | None], Any]) -> Iterator[Mapping[str, Any]]:
    cursor: str | None = None
    for _ in range(PAGES):
        answer = page(cursor)
        yield from answer.get("messages") or ()
        cursor = (answer.get("response_metadata") or {}).get("next_cursor") or None
        if cursor is None:
            return


def _payload(message: Mapping[str, Any]) -> Mapping[str, Any]:
    metadata = message.get("metadata")
    payload = metadata.get("event_payload") if isinstance(metadata, dict) else None
    return payload if isinstance(payload, dict) else {}
