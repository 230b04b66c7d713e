"""What Slack's answer, or its absence, means for an attempt: errors in, attempts out, no I/O."""

import re
import socket
import ssl
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from urllib.error import URLError

from slack_sdk.errors import SlackApiError

from alerts.outbox import Attempt, permanent, retry, unknown

LONGEST_WAIT = 3600.0
"""Seconds; a Retry-After beyond it is asked again after this time."""

WITHOUT_RETRY_AFTER = 30.0
"""Seconds to wait when Slack limits us and does not say for how long."""

CHANNEL_REFUSES = frozenset({
    "access_denied", "account_inactive", "as_user_not_supported", "channel_is_limited_access",
    "channel_not_found", "ekm_access_denied", "enterprise_is_restricted", "invalid_auth", "is_archived",
    "missing_scope", "no_permission", "not_allowed_token_type", "not_authed", "not_in_channel",
    "org_login_required", "posting_to_channel_denied", "restricted_action",
    "restricted_action_non_threadable_channel", "restricted_action_read_only_channel",
    "team_access_not_granted", "team_not_found", "token_expired", "token_revoked",
    "two_factor_setup_required",
})  # fmt: skip
"""Trying again cannot help until somebody changes the token, its scopes or the channel."""

MESSAGE_REFUSED = frozenset({
    "blocked_file_type", "duplicate_channel_not_found", "invalid_arguments", "invalid_array_arg",
    "invalid_blocks", "invalid_blocks_format", "invalid_metadata_format", "invalid_metadata_schema",
    "markdown_text_conflict", "metadata_must_be_sent_from_app",
    "metadata_too_large", "msg_blocks_too_long", "msg_too_long", "no_text", "too_many_attachments",
})  # fmt: skip
"""Slack will never take this very message."""

MESSAGE_GONE = frozenset({"message_not_found", "thread_not_found", "cannot_reply_to_message"})
"""A person deleted the incident's message."""

NOT_EDITABLE = frozenset({"edit_window_closed", "cant_update_message"})
"""The workspace lets nobody edit it any more."""

_CODE = re.compile(r"[a-z_]{1,80}")


def error_code(error: SlackApiError) -> str:
    """Slack's own word for what is wrong; empty when the answer is not Slack's."""
    data = error.response.data
    found = data.get("error") if isinstance(data, dict) else None
    return found if isinstance(found, str) and _CODE.fullmatch(found) else ""


def attempt_of(error: Exception, now: float) -> Attempt:
    """What to do after an error of slack-sdk or of the network (``now`` in Unix seconds)."""
    if isinstance(error, SlackApiError):
        return _of_answer(error, now)
    if isinstance(error, URLError) and not isinstance(error, TimeoutError):
        return _of_connecting(error)
    if isinstance(error, TimeoutError | OSError | HTTPException):
        return unknown(f"no answer from Slack ({_named(error)})")
    return unknown(f"Slack's answer could not be read ({_named(error)})")


def _of_answer(error: SlackApiError, now: float) -> Attempt:
    status, code = int(error.response.status_code), error_code(error)
    if status == 429 or code in {"ratelimited", "rate_limited", "message_limit_exceeded"}:
        wait = retry_after(error.response.headers, now)
        return retry(f"Slack asks us to wait {wait:.0f} s (HTTP {status})", now + wait)
    if code in CHANNEL_REFUSES:
        return permanent(f"Slack refuses: {code}")
    if code in MESSAGE_REFUSED:
        return permanent(f"Slack does not take this message: {code}", whole_channel=False)
    if code and status < 500:
        return retry(f"Slack answers {code}", whole_channel=code in {"fatal_error", "internal_error"})
    return _of_status(status)


def _of_status(status: int) -> Attempt:
    if status >= 500:
        # It may have been posted before the server failed.
        return unknown(f"Slack answers HTTP {status}")
    if status in {401, 403, 404, 410}:
        return permanent(f"slack.api_url answers HTTP {status}: it is not Slack's API, or refuses us")
    return unknown(f"an answer that is not Slack's (HTTP {status})")


def _of_connecting(error: URLError) -> Attempt:
    reason = error.reason
    if isinstance(reason, socket.gaierror):
        return retry("the name of slack.api_url cannot be resolved")
    if isinstance(reason, ConnectionRefusedError):
        return retry("slack.api_url refuses the connection")
    if isinstance(reason, ssl.SSLError):
        return retry(f"no safe connection to slack.api_url ({reason.reason or 'TLS failed'})")
    return unknown(f"no answer from Slack ({_named(reason)})")


def _named(error: object) -> str:
    if isinstance(error, TimeoutError):
        return "timeout"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return type(error).__name__


def retry_after(headers: Mapping[str, str], now: float) -> float:
    """Seconds that Slack asks us to wait: whole, with a fraction, or as a date; from none to an hour.

    A date is taken against the answer's own ``Date``, so that a clock of ours that is wrong does not matter.
    """
    found = {name.lower(): value for name, value in headers.items()}
    text = found.get("retry-after", "").strip()
    try:
        wait = float(text)
    except ValueError:
        until = _seconds(text)
        wait = WITHOUT_RETRY_AFTER if until is None else until - (_seconds(found.get("date", "")) or now)
    return min(max(wait, 0.0), LONGEST_WAIT) if wait == wait else WITHOUT_RETRY_AFTER  # noqa: PLR0124 - NaN


def _seconds(text: str) -> float | None:
    try:
        found = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError):
        return None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
