"""Text as Slack's markup: what people or labels wrote can neither mention, link nor format anything."""

import re
import unicodedata

_FORMATTING = re.compile(r"(?<!\w)[*_~`]|[*_~`](?!\w)")
_INVISIBLE = {"Cc", "Cf"}
_APART = "\u200b"
MORE = " … "


def plain(text: str) -> str:
    """One line without control characters or marks that turn the direction of writing."""
    spaced = " ".join(text.split())
    return "".join(each for each in spaced if unicodedata.category(each) not in _INVISIBLE)


def escaped(text: str) -> str:
    """Text of any origin, safe inside mrkdwn.

    ``&``, ``<`` and ``>`` begin everything that Slack interprets (links, mentions, ``<!channel>``);
    formatting characters at the edge of a word are set apart from it.
    """
    safe = plain(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _FORMATTING.sub(lambda found: f"{_APART}{found.group()}{_APART}", safe)


def date(seconds: float) -> str:
    """A time that each reader sees in their own time zone; in UTC where it cannot be shown so."""
    return f"<!date^{int(seconds)}^{{time_secs}}|{_utc(seconds)}>"


def _utc(seconds: float) -> str:
    day = int(seconds) % 86400
    return f"{day // 3600:02d}:{day // 60 % 60:02d}:{day % 60:02d} UTC"


def cut(text: str, limit: int) -> str:
    """Escaped text of at most so many characters of markup, with a sign where there was more."""
    kept = plain(text[: 4 * limit])
    whole = escaped(kept)
    while len(whole) > limit:
        kept = kept[: min(limit, len(kept) * 4 // 5)]
        whole = f"{escaped(kept)}…"
    return whole


def link(address: str, label: str, limit: int = 400) -> str:
    """A link of ours; the label is of any origin."""
    return f"<{address.replace('>', '%3E').replace('|', '%7C')}|{cut(label, limit).replace('|', '¦')}>"


def fitted(pieces: list[str], limit: int, rest: str) -> str:
    """Pieces (whole markup each) as lines, as many as fit in ``limit`` characters; then ``rest`` instead."""
    whole = "\n".join(pieces)
    if len(whole) <= limit:
        return whole
    kept: list[str] = []
    room = limit - len(rest) - 1
    for piece in pieces:
        room -= len(piece) + 1
        if room < 0:
            break
        kept.append(piece)
    return "\n".join([*kept, rest])
