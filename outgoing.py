"""What goes out of the house: a thread and an outbox worker for each channel; none holds up another."""

import time
from collections.abc import Callable, Mapping, Sequence

from sqlalchemy.exc import SQLAlchemyError

from alerts import outbox_channel_store
from alerts.outbox import Channel, Outcome
from alerts.outbox_channel_store import ChannelStatus
from alerts.outbox_worker import OutboxWorker
from alerts.running_action import RunningActions
from alerts.slack import credentials
from alerts.slack.channel import SlackChannel
from alerts.slack.private import PrivateReplies
from database import Database
from own_loops import LoopReport, NewestFirstLoop
from settings.schema import Settings, WebSettings

IDLE_SECONDS = 0.25
"""How often a channel looks for something to tell."""

LIMIT_SECONDS = 180.0
"""A turn may look through many pages of a channel's history, each with its own timeout."""


def console_address(web: WebSettings) -> str:
    """Where people reach the console, without a slash at its end."""
    return web.public_url or f"http://{web.host}:{web.port}"


def slack_channel(settings: Settings) -> SlackChannel | None:
    """The Slack channel of the configuration; None while there is no channel or no token."""
    slack = settings.slack
    secret = credentials.token(slack.token_file)
    if slack.channel is None or not secret.configured:
        return None
    console = console_address(settings.web)
    return SlackChannel(slack.channel, secret, slack.api_url, slack.timeout, console)


def slack_missing(settings: Settings) -> tuple[str, ...]:
    """What has to be set before anything goes to Slack, a line each; empty when all of it is."""
    slack = settings.slack
    missing = []
    if slack.channel is None:
        missing.append("Set slack.channel in config.yaml to the id of the channel, e.g. C0123ABCD.")
    if not credentials.token(slack.token_file).configured:
        missing.append(
            "Put the bot's token into a file and name it in slack.token_file, or into the environment "
            f"variable {credentials.TOKEN_VARIABLE}."
        )
    return tuple(missing)


class Outgoing:
    """The channels with their workers and threads.

    Args:
        channels: those that are configured; any other that was used before stops collecting.
        replies: private words to people in Slack; they go out on the thread of the channel ``slack``.
        follower: makes, for each thread, what says that another Showcall may have sent meanwhile.
    """

    def __init__(
        self,
        database: Database,
        channels: Sequence[Channel],
        actions: RunningActions,
        clock: Callable[[], float],
        replies: PrivateReplies | None = None,
        *,
        follower: Callable[[], Callable[[], bool]] = lambda: lambda: False,
    ) -> None:
        self._database = database
        self.workers = tuple(OutboxWorker(database, channel, actions, clock) for channel in channels)
        with database.transaction() as tx:
            outbox_channel_store.retire_others(tx, [channel.name for channel in channels])
        for worker in self.workers:
            worker.register()
        self._loops = tuple(_loop(worker, replies, follower()) for worker in self.workers)

    def start(self) -> None:
        """Begin to tell."""
        for loop in self._loops:
            loop.start()

    def stop(self, within: float) -> None:
        """Finish present attempts, or leave them: what is not known is looked for after the next start.

        All channels together take ``within`` seconds at most.
        """
        end = time.monotonic() + within
        for loop in self._loops:
            loop.ask_to_stop()
        for loop in self._loops:
            loop.stop(max(0.0, end - time.monotonic()))

    def reports(self) -> tuple[LoopReport, ...]:
        """How each thread does."""
        return tuple(loop.report() for loop in self._loops)

    def counts(self) -> Mapping[str, Mapping[Outcome, int]]:
        """Attempts since the start, by channel and outcome."""
        return {worker.channel.name: dict(worker.counts) for worker in self.workers}

    def statuses(self) -> Sequence[ChannelStatus]:
        """What waits, and what is wrong; empty while the database cannot be read."""
        try:
            with self._database.reading() as connection:
                return outbox_channel_store.statuses(connection)
        except SQLAlchemyError:
            return ()


def _loop(
    worker: OutboxWorker, replies: PrivateReplies | None, led_anew: Callable[[], bool]
) -> NewestFirstLoop[None]:
    mine = replies if replies is not None and replies.channel is worker.channel else None

    def turn(_: None = None) -> None:
        if mine is not None:
            mine.say_next()
        if led_anew():
            worker.doubt()
        worker.turn()

    return NewestFirstLoop(f"outbox:{worker.channel.name}", turn, idle=IDLE_SECONDS, on_idle=turn)
