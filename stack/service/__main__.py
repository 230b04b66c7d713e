"""``python -m stack.service --config service.json``: run one concert service until SIGTERM or Ctrl-C."""

import argparse
import logging
import os
import signal
import sys
import time
from pathlib import Path

from stack.load.steady_clock import steady
from stack.service import config as configuration
from stack.service.config import ConfigError, ServiceConfig
from stack.service.connections import StartError
from stack.service.listener import PortInUseError
from stack.service.log_file import logger, open_log
from stack.service.service import ConcertService


def main() -> int:
    """Read the arguments and the config, run, and give the exit code."""
    parser = argparse.ArgumentParser(prog="python -m stack.service", description="The concert service.")
    parser.add_argument("--config", type=Path, required=True, help="service.json")
    try:
        config = configuration.load(parser.parse_args().config)
        handler = open_log(config.log_file)
    except ConfigError as error:
        return _refuse(str(error))
    except OSError as error:
        return _refuse(f"logFile: {error.filename}: {error.strerror}")
    code = _run(config)
    handler.close()
    return code


def _run(config: ServiceConfig) -> int:
    serving, asked = list[ConcertService](), list[int]()

    def on_signal(number: int, _: object) -> None:
        asked.append(number)
        if not serving:
            raise KeyboardInterrupt
        serving[0].stop_soon()

    # Before the start: its last step answers "healthy", and whoever waits for that may stop us at once.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)
    try:
        # The one place of the service that reads the wall clock; everybody else is handed this one.
        service = ConcertService(config, steady(time.time))  # noqa: TID251
        service.start()
        serving.append(service)
    except KeyboardInterrupt:
        return 0
    except (PortInUseError, StartError) as error:
        logger().error("%s", error)
        return _refuse(str(error))
    service.wait()
    service.stop()
    if not asked:
        return _refuse("a listener ended by itself; see the log file")
    return 0


def _refuse(reason: str) -> int:
    sys.stderr.write(f"concert service: {reason}\n")
    return 1


if __name__ == "__main__":
    code = main()
    logging.shutdown()
    # Request threads may still sit in a slow query; Python would wait for them, the stack must not.
    os._exit(code)
