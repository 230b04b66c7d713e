"""Words to one person in Slack, said by the outbox' thread so that nobody's request waits for Slack."""

from collections import deque
from dataclasses import dataclass, field

import structlog

from alerts.slack.answers import attempt_of
from alerts.slack.channel import SlackChannel

KEPT = 50
"""Private words are a courtesy: of more than this at once the oldest are dropped."""


@dataclass
class PrivateReplies:
    """A short queue; best effort, kept in memory only."""

    channel: SlackChannel
    _waiting: deque[tuple[str, str]] = field(default_factory=lambda: deque(maxlen=KEPT))

    def add(self, user: str, text: str) -> None:
        """Say this to a Slack user (their id) soon."""
        self._waiting.append((user, text))

    def say_next(self) -> None:
        """Say the oldest, if there is one; what fails is not tried again."""
        if not self._waiting:
            return
        user, text = self._waiting.popleft()
        try:
            self.channel.say_privately(user, text)
        except Exception as error:
            reason = attempt_of(error, 0.0).reason
            structlog.get_logger().warning("a private word was not said", user=user, reason=reason)
