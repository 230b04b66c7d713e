"""One heap for all threads, which gives back what is free; nothing where there is no such thing."""

import ctypes
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

import allocator

ROOT = Path(__file__).parents[2]
glibc = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")

HEAPS = """
import os, re, threading
import allocator
print(allocator.configure(os.environ))
gate = threading.Barrier(7)
def work():
    held = [bytearray(3000) for _ in range(300)]
    gate.wait(); gate.wait()
for _ in range(6):
    threading.Thread(target=work).start()
gate.wait()
begins = [int(line.split("-")[0], 16) for line in open("/proc/self/maps") if " rw-p " in line]
print(sum(1 for begin in begins if begin % 2**26 == 0))
gate.wait()
"""

GIVEN_BACK = """
import os
import psutil
import allocator
resident = lambda: psutil.Process().memory_info().rss
allocator.configure(os.environ)
now = [0.0]
giving_back = allocator.GivingBack(lambda: now[0])
held = [bytearray(b"x") * 100_000 for _ in range(1000)]
last = held.pop()
del held
before = resident()
giving_back.turn()
print(before - resident() < 10e6)
now[0] = 10.0
giving_back.turn()
print(before - resident() > 80e6)
"""


def said(program: str, **more: str) -> list[str]:
    variables = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    found = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        check=True,
        cwd=ROOT,
        env={**variables, **more},
        text=True,
        timeout=60,
    )
    return found.stdout.split()


@glibc
def test_threads_share_one_heap() -> None:
    assert said(HEAPS) == ["True", "0"]


@glibc
def test_who_told_glibc_something_by_its_variables_is_left_to_it() -> None:
    told, heaps = said(HEAPS, MALLOC_ARENA_MAX="4")
    assert told == "False"
    assert int(heaps) > 0


@glibc
def test_what_is_free_goes_back_to_the_system_every_ten_seconds() -> None:
    assert said(GIVEN_BACK) == ["True", "True"]


def test_another_c_library_is_told_nothing_and_gives_nothing_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _: object())
    assert not allocator.configure({})
    now = [0.0]
    giving_back = allocator.GivingBack(lambda: now[0])
    now[0] = 10.0
    giving_back.turn()
