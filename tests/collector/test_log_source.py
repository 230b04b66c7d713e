"""The log source on real files that are written, rotated, truncated and deleted under it."""

import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from collector import log_file
from collector.deadline import Deadline
from collector.log import BYTES_A_LOOK, LogSettings, LogSource
from collector.log_splitter import LONGEST_LINE
from collector.round import ErrorKind
from collector.source import Scraped, ScrapeError

NOBODY = 65534
TIMEOUT_LINE = (
    "2026-11-22T16:00:00.000Z WARN  HikariPool-1 - Connection is not available, request timed out after "
    "30000ms (total=10, active=10, idle=0, waiting=27)"
)


class Followed:
    """A file, the source that follows it, and a clock of one look a second."""

    def __init__(self, path: Path, **patterns: str) -> None:
        self.path = path
        self.source = LogSource("shop", LogSettings(path, patterns))
        self.at = 1_000_000.0

    def write(self, text: str | bytes) -> None:
        with self.path.open("ab") as file:
            file.write(text.encode() if isinstance(text, str) else text)

    def look(self) -> Scraped:
        self.at += 1
        return self.source.fetch(self.at, Deadline.within(30.0))

    def numbers(self) -> dict[str, float]:
        """The look's samples by name, with the pattern or the reason behind it."""
        return numbers_of(self.look())

    def lines(self) -> float:
        return self.numbers()["log_lines_total"]

    def texts(self, seconds: float = 600.0) -> list[str]:
        extract = self.source.extract(self.at, seconds)
        return [line for group in extract.groups for line in group.last_lines]


def numbers_of(look: Scraped) -> dict[str, float]:
    found = {}
    for labels, value in zip(look.labels, look.values, strict=True):
        named = dict(labels)
        extra = [named[key] for key in ("pattern", "reason") if key in named]
        found[" ".join([named["__name__"], *extra])] = float(value)
    return found


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Followed]:
    followed = Followed(tmp_path / "shop.log")
    followed.write("old one\nold OutOfMemoryError\n")
    followed.look()
    yield followed
    followed.source.close()


def test_following_begins_at_the_end_of_the_file(log: Followed) -> None:
    assert log.lines() == 0
    log.write("new one\n")
    assert log.lines() == 1
    assert log.texts() == ["new one"]


def test_every_series_is_there_from_the_first_look(tmp_path: Path) -> None:
    followed = Followed(tmp_path / "shop.log", own_one="paid twice")
    followed.write("anything\n")
    look = followed.look()
    events = {name: value for name, value in numbers_of(look).items() if name.startswith("log_events")}
    assert events == {
        f"log_events_total {name}": 0.0
        for name in (
            "pool_timeout",
            "pool_saturated",
            "redis_command_timeout",
            "redis_ping_failed",
            "out_of_memory",
            "own_one",
        )
    }
    assert all(dict(labels)["target"] == "shop" for labels in look.labels)
    assert look.verdict == (((("__name__", "log_file_up"), ("target", "shop")), 1.0),)
    assert followed.look().labels is look.labels


@pytest.mark.parametrize(
    ("line", "pattern"),
    [
        (TIMEOUT_LINE, "pool_timeout"),
        ("Orders Pool - Connection is not available, request timed out after 250ms.", "pool_timeout"),
        ("WARN  HikariPool-1 - Pool saturated (total=10, active=10, idle=0, waiting=10)", "pool_saturated"),
        ("QueryTimeoutException: Redis command timed out", "redis_command_timeout"),
        ("RedisException: Unable to send PING command over channel: [id: 0x1f]", "redis_ping_failed"),
        ("java.lang.OutOfMemoryError: Java heap space", "out_of_memory"),
    ],
)
def test_published_lines_are_events(log: Followed, line: str, pattern: str) -> None:
    log.write(f"quiet\n{line}\n2026-11-22T16:00:01.000Z INFO  quiet\n")
    numbers = log.numbers()
    counted = {
        name: value for name, value in numbers.items() if name.startswith("log_events_total") and value
    }
    assert counted == {f"log_events_total {pattern}": 1.0}
    (group,) = [group for group in log.source.extract(log.at, 60).groups if group.pattern]
    assert (group.pattern, group.count, group.example) == (pattern, 1, line)


@pytest.mark.parametrize(
    "line", ["request timed out after 30000ms", "OutOfMemoryErrors", "Pool stats (total=10)", "PING command"]
)
def test_lines_that_only_resemble_a_pattern_are_no_events(log: Followed, line: str) -> None:
    log.write(f"{line}\n")
    assert not any(value for name, value in log.numbers().items() if name.startswith("log_events_total"))


def test_own_patterns_count_too_and_a_line_may_match_several(tmp_path: Path) -> None:
    followed = Followed(tmp_path / "shop.log", error="(?i)error", korean="결제.*실패")
    followed.write("")
    followed.look()
    followed.write("OutOfMemoryError\n결제가 또 실패\nfine\n")
    numbers = followed.numbers()
    assert [numbers[f"log_events_total {name}"] for name in ("out_of_memory", "error", "korean")] == [1, 1, 1]


def test_a_stack_trace_belongs_to_its_line_and_counts_once(log: Followed) -> None:
    log.write(
        "2026-11-22T16:00:00.000Z ERROR request failed\n"
        "org.example.Nested: HikariPool-1 - Connection is not available, request timed out after 30000ms.\n"
        "\tat com.example.Shop.buy(Shop.java:12)\n"
        "Caused by: HikariPool-1 - Connection is not available, request timed out after 30000ms.\n"
        "\t... 12 more\n"
        "2026-11-22T16:00:01.000Z INFO  next\n"
    )
    assert log.numbers()["log_events_total pool_timeout"] == 1
    failed, after = log.source.extract(log.at, 60).groups
    assert failed.template == "ERROR request failed"
    assert failed.pattern == "pool_timeout"
    assert failed.example.count("\n") == 4
    assert failed.last_lines == ("2026-11-22T16:00:00.000Z ERROR request failed",)
    assert after.count == 1


def test_a_line_without_a_time_long_after_one_with_a_time_stands_for_itself(log: Followed) -> None:
    log.write("2026-11-22T16:00:00.000Z INFO  started\n")
    log.look()
    log.at += 60
    log.write("java.lang.OutOfMemoryError: Java heap space\n")
    log.look()
    assert len(log.source.extract(log.at, 600).groups) == 2


def test_f19_a_renamed_file_is_read_to_its_end_before_the_new_one(log: Followed) -> None:
    log.write("one\n")
    log.path.rename(log.path.with_suffix(".1"))
    with log.path.with_suffix(".1").open("a") as old:
        old.write("two\n")
    log.write("three\n")
    numbers = log.numbers()
    assert numbers["log_lines_total"] == 3
    assert numbers["log_rotations_total"] == 1
    assert log.texts() == ["one", "two", "three"]


def test_f19_the_old_file_is_read_on_while_the_new_one_is_empty(log: Followed) -> None:
    log.path.rename(log.path.with_suffix(".1"))
    log.path.touch()
    log.look()
    with log.path.with_suffix(".1").open("a") as old:
        old.write("late\n")
    assert log.lines() == 1
    log.write("new\n")
    assert log.lines() == 2


def test_f19_a_file_renamed_away_is_read_on_for_a_while_and_then_given_up(log: Followed) -> None:
    moved = log.path.rename(log.path.with_suffix(".1"))
    with moved.open("a") as old:
        old.write("late\n")
    look = log.look()
    assert numbers_of(look)["log_lines_total"] == 1
    assert look.finding is not None
    assert look.finding.kind is ErrorKind.GONE
    assert dict([look.verdict[0]]) == {(("__name__", "log_file_up"), ("target", "shop")): 0.0}
    log.at += 8
    log.look()
    log.look()
    with pytest.raises(ScrapeError, match="there is no file"):
        log.look()
    moved.rename(log.path)
    log.write("back\n")
    assert log.lines() == 2


def test_f19_copytruncate_loses_and_repeats_nothing_that_was_there_at_a_look(log: Followed) -> None:
    log.write("one\ntwo\n")
    assert log.lines() == 2
    shutil.copy(log.path, log.path.with_suffix(".1"))
    os.truncate(log.path, 0)
    log.write("three\n")
    numbers = log.numbers()
    assert numbers["log_lines_total"] == 3
    assert numbers["log_truncations_total"] == 1


def test_f19_a_truncated_file_that_grew_past_the_old_place_is_noticed(log: Followed) -> None:
    log.write("one\n")
    log.look()
    os.truncate(log.path, 0)
    log.write("".join(f"line {n}\n" for n in range(100)))
    assert log.lines() == 101


def test_f19_a_truncated_file_of_the_very_same_size_is_noticed(log: Followed) -> None:
    log.write("one\n")
    log.look()
    size = log.path.stat().st_size
    os.truncate(log.path, 0)
    log.write("x" * (size - 1) + "\n")
    assert log.lines() == 2


def test_f19_a_writer_that_keeps_its_place_over_a_truncation_leaves_zeros(tmp_path: Path) -> None:
    followed = Followed(tmp_path / "shop.log")
    with followed.path.open("wb", buffering=0) as writer:
        writer.write(b"old\n" * 1000)
        followed.look()
        os.truncate(followed.path, 0)
        writer.write(b"OutOfMemoryError\n")
        assert followed.numbers()["log_events_total out_of_memory"] == 1


def test_f19_a_deleted_file_is_down_and_a_new_one_is_read_from_its_beginning(log: Followed) -> None:
    log.write("last words\n")
    log.path.unlink()
    assert log.lines() == 1
    with pytest.raises(ScrapeError) as raised:
        log.look()
    assert raised.value.kind is ErrorKind.GONE
    assert dict(raised.value.verdict)[("__name__", "log_file_up"), ("target", "shop")] == 0.0
    log.write("again\n")
    assert log.lines() == 2


def test_f19_a_reused_inode_is_another_file(log: Followed, monkeypatch: pytest.MonkeyPatch) -> None:
    log.write("same\n")
    assert log.lines() == 1
    before = log.path.stat()
    content = log.path.read_bytes()
    log.path.unlink()
    log.look()
    monkeypatch.setattr(
        log_file._Place,
        "same_file",
        lambda place, _: (place.device, place.inode) == (before.st_dev, before.st_ino),
    )
    log.path.write_bytes(content)
    assert log.lines() == 4


def test_f19_a_source_that_was_closed_goes_on_where_it_was(log: Followed) -> None:
    log.write("one\n")
    log.look()
    log.source.close()
    log.write("two\n")
    assert log.lines() == 2
    log.source.close()
    log.path.write_text("quite another text, longer than the one before it was\nsecond\n")
    assert log.lines() == 4


def test_f19_a_file_that_was_not_there_at_first_is_read_from_its_beginning(tmp_path: Path) -> None:
    followed = Followed(tmp_path / "later.log")
    with pytest.raises(ScrapeError, match="there is no file"):
        followed.look()
    followed.write("first\n")
    assert followed.lines() == 1


def test_f19_an_endless_line_takes_no_memory_and_is_cut_at_64_kib(log: Followed) -> None:
    block = b"x" * (1024 * 1024)
    for _ in range(24):
        log.write(block)
        log.look()
        assert len(log.source._splitter._begun) <= LONGEST_LINE
    log.write("OutOfMemoryError\nshort\n")
    numbers = log.numbers()
    assert numbers["log_lines_total"] == 2
    assert numbers["log_events_total out_of_memory"] == 0
    assert numbers["log_dropped_bytes_total too_long"] == 24 * 1024 * 1024 + 16 - LONGEST_LINE


def test_f19_binary_and_invalid_utf8_do_no_harm(log: Followed) -> None:
    log.write(b"\x00\xff\xfe OutOfMemoryError \x80\x1b[31mred\x1b[0m\x07\n" + bytes(range(256)) + b"\n")
    numbers = log.numbers()
    assert numbers["log_events_total out_of_memory"] == 1
    assert numbers["log_lines_total"] == 3
    text = log.source.extract(log.at, 60).groups[0].example
    assert "\x1b" not in text
    assert "\x00" not in text
    assert "red" in text
    text.encode()


def test_f19_a_line_without_an_end_waits_for_it_and_is_taken_when_none_comes(log: Followed) -> None:
    log.write("OutOf")
    assert log.lines() == 0
    log.write("MemoryError\n")
    assert log.numbers()["log_events_total out_of_memory"] == 1
    log.write("no end: OutOfMemoryError")
    seen = [log.numbers()["log_events_total out_of_memory"] for _ in range(7)]
    assert (seen[0], seen[-1]) == (1, 2)
    log.write(" and its rest\n")
    assert log.numbers()["log_events_total out_of_memory"] == 2


def test_f19_a_last_line_without_an_end_counts_when_the_file_is_replaced(log: Followed) -> None:
    log.write("OutOfMemoryError")
    log.path.rename(log.path.with_suffix(".1"))
    log.write("MemoryError of the new file\n")
    numbers = log.numbers()
    assert numbers["log_events_total out_of_memory"] == 1
    assert numbers["log_lines_total"] == 2


def test_a_line_that_began_before_the_first_look_is_not_counted(tmp_path: Path) -> None:
    followed = Followed(tmp_path / "shop.log")
    followed.write("began before: OutOf")
    followed.look()
    followed.write("MemoryError OutOfMemoryError\nnew\n")
    numbers = followed.numbers()
    assert numbers["log_lines_total"] == 1
    assert numbers["log_events_total out_of_memory"] == 0


def test_f19_what_is_over_the_budget_is_read_by_the_next_looks(log: Followed) -> None:
    line = b"y" * 99 + b"\n"
    count = 2 * BYTES_A_LOOK // len(line) + 1000
    log.write(line * count)
    first = log.numbers()
    assert first["log_read_bytes_total"] == BYTES_A_LOOK
    assert first["log_file_unread_bytes"] == count * len(line) - BYTES_A_LOOK
    log.look()
    last = log.numbers()
    assert (last["log_lines_total"], last["log_file_unread_bytes"]) == (count, 0)


def test_f19_who_is_far_behind_skips_and_counts_it(log: Followed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_file, "BEHIND_BYTES", 100_000)
    monkeypatch.setattr(log_file, "KEPT_BYTES", 9_990)
    before = log.path.stat().st_size
    log.write(b"z" * 19 + b"\n")
    log.write((b"z" * 19 + b"\n") * 10_000)
    numbers = log.numbers()
    dropped = numbers["log_dropped_bytes_total behind"]
    assert dropped == 20 * 10_001 - 9_990
    assert numbers["log_read_bytes_total"] == 9_990
    assert numbers["log_lines_total"] == 499
    assert before + 20 * 10_001 == log.path.stat().st_size


def test_crlf_ends_are_not_part_of_the_line(tmp_path: Path) -> None:
    followed = Followed(tmp_path / "shop.log", end="full$")
    followed.write("")
    followed.look()
    followed.write("disk full\r\nnext\r\n")
    assert followed.numbers()["log_events_total end"] == 1
    assert followed.texts() == ["disk full", "next"]


@pytest.mark.parametrize("kind", ["directory", "fifo", "socket", "device"])
def test_s01_what_is_no_regular_file_is_refused_at_once(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "it"
    if kind == "directory":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(path))
    else:
        path.symlink_to("/dev/zero")
    with pytest.raises(ScrapeError, match=f"it is a (?i:{kind}) .want a regular file") as raised:
        Followed(path).look()
    assert raised.value.kind is ErrorKind.BAD_FORMAT


def test_s01_a_link_leads_to_the_file_and_another_target_is_another_file(tmp_path: Path) -> None:
    first, second = tmp_path / "1.log", tmp_path / "2.log"
    first.write_text("old\n")
    second.write_text("one\n")
    current = tmp_path / "current.log"
    current.symlink_to(first)
    followed = Followed(current)
    followed.look()
    current.unlink()
    current.symlink_to(second)
    assert followed.lines() == 1
    assert followed.source.extract(followed.at, 60).file == str(second.resolve())


@contextmanager
def without_roots_rights() -> Iterator[None]:
    """As somebody who may not read everything, for as long as the block lasts."""
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)


def test_a_file_that_may_not_be_read_is_told() -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)  # only the file itself is closed
        path = Path(folder) / "secret.log"
        path.touch(mode=0)
        with without_roots_rights(), pytest.raises(ScrapeError, match="Permission denied") as raised:
            Followed(path).look()
    assert raised.value.kind is ErrorKind.AUTH


def test_lines_carry_the_time_they_begin_with_else_that_of_the_look(log: Followed) -> None:
    log.at = 1_795_363_200.0
    log.write("2026-11-22T15:59:58.250Z INFO  a\nplain b\n2026-11-22T17:00:00Z INFO  from the future\n")
    log.look()
    times = {group.template: group.last_at for group in log.source.extract(log.at, 60).groups}
    assert times["INFO a"] == 1_795_363_198.25
    assert times["INFO from the future"] == log.at


def test_an_extract_says_what_newer_lines_have_pushed_out(log: Followed) -> None:
    log.write("".join(f"round {n}\n" for n in range(5_000)))
    log.look()
    extract = log.source.extract(log.at, 60)
    (group,) = extract.groups
    assert (group.template, group.count) == ("round <n>", 2_000)
    assert (extract.lines_read, extract.dropped) == (2_000, 3_000)
    assert group.last_lines[-1] == "round 4999"
    assert extract.target == "shop"


def test_the_kept_lines_are_bounded_in_bytes_too(log: Followed) -> None:
    log.write(b"".join(b"%d " % n + b"w" * 60_000 + b"\n" for n in range(60)))
    log.look()
    log.write("trace\n" + ("\tat frame " + "v" * 200 + "\n") * 20_000)
    log.look()
    assert log.source._records._bytes <= 1024 * 1024
    assert len(log.source.extract(log.at, 60).groups[-1].example) <= 20 * 1024


def test_an_extract_speaks_of_the_asked_span_only(log: Followed) -> None:
    log.write("early\n")
    log.look()
    log.at += 100
    log.write("late\n")
    log.look()
    extract = log.source.extract(log.at, 30)
    assert [group.example for group in extract.groups] == ["late"]
    assert (extract.from_at, extract.to_at) == (log.at - 30, log.at)
    assert log.source.extract(log.at, 1_000_000).from_at == 1_000_001.0


def test_groups_that_match_a_pattern_come_first_and_then_the_frequent(log: Followed) -> None:
    log.write("rare\n" + "often 1\noften 2\n" + "OutOfMemoryError\n")
    log.look()
    found = [(group.template, group.count) for group in log.source.extract(log.at, 60).groups]
    assert found == [("OutOfMemoryError", 1), ("often <n>", 2), ("rare", 1)]
