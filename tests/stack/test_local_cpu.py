import os

import pytest

from stack.local.cpu import CpuTimes, cpu_use, parse_cpu_times, plan

STAT = """cpu  20 0 20 160 0 0 0 20 0 0
cpu0 10 5 10 70 5 1 1 8 4 0
cpu1 10 0 10 90 0 0 0 12 0 0
intr 12345
"""


def test_service_and_database_get_the_first_cpu_and_the_rest_gets_the_others() -> None:
    split = plan(frozenset({2, 3, 5}))
    assert (split.service, split.others, split.note) == (frozenset({2}), frozenset({3, 5}), None)


@pytest.mark.parametrize("available", [None, frozenset({0})])
def test_where_nothing_can_be_pinned_it_is_said(available: frozenset[int] | None) -> None:
    split = plan(available)
    assert split.service is None
    assert split.others is None
    assert split.note


def test_one_cpu_is_read_from_the_kernels_counters() -> None:
    assert parse_cpu_times(STAT, 0) == CpuTimes(total=110, busy=27, steal=8)
    assert parse_cpu_times(STAT, 7) is None


def test_time_that_is_neither_ours_nor_idle_is_stolen_or_others() -> None:
    tick = 1 / os.sysconf("SC_CLK_TCK")
    use = cpu_use(CpuTimes(1000, 500, 10), CpuTimes(1200, 680, 20), own_seconds=150 * tick)
    assert use is not None
    assert use.steal == pytest.approx(5.0)
    assert use.others == pytest.approx(15.0)


def test_unknown_counters_give_no_figure() -> None:
    assert cpu_use(None, CpuTimes(1, 1, 1), 0.0) is None
    assert cpu_use(CpuTimes(1, 1, 1), CpuTimes(1, 1, 1), 0.0) is None
