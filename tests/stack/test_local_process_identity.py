import os
import subprocess
import sys

import psutil

from stack.local.process_identity import ProcessIdentity, identify, is_alive, reap, tree


def test_a_running_process_is_known_by_pid_and_start_time() -> None:
    ourselves = identify(os.getpid())
    assert ourselves is not None
    assert is_alive(ourselves)
    assert tree(ourselves)[0].pid == os.getpid()


def test_a_process_with_the_same_pid_and_another_start_time_is_another_process() -> None:
    ourselves = identify(os.getpid())
    assert ourselves is not None
    impostor = ProcessIdentity(ourselves.pid, ourselves.start_time - 60)
    assert not is_alive(impostor)
    assert tree(impostor) == []


def test_a_zombie_is_not_alive() -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    while psutil.Process(ended.pid).status() != psutil.STATUS_ZOMBIE:
        pass
    assert identify(ended.pid) is None
    reap(ended.pid)
    assert not psutil.pid_exists(ended.pid)
    ended.wait()


def test_a_pid_that_nobody_has_is_not_alive() -> None:
    assert identify(2**22 + 1) is None
