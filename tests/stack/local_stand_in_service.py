"""A process that stands in for the concert service: it is healthy, or ends at once when told to."""

import argparse
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Healthy(BaseHTTPRequestHandler):
    """Answers every GET with 200."""

    def do_GET(self) -> None:
        """One healthy answer."""
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"status": "UP"}')

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (the name is http.server's)
        """Say nothing."""


def main() -> int:
    """Serve until killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--fail", action="store_true")
    arguments = parser.parse_args()
    if arguments.fail:
        sys.stderr.write("the stand-in was told to fail\n")
        return 3
    config = json.loads(arguments.config.read_text(encoding="utf-8"))
    public = ThreadingHTTPServer((config["host"], config["servicePort"]), Healthy)
    threading.Thread(target=public.serve_forever, daemon=True).start()
    Path(config["logFile"]).write_text("2026-11-22T16:00:00.123Z INFO  ready\n", encoding="utf-8")
    ThreadingHTTPServer((config["host"], config["managementPort"]), Healthy).serve_forever()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
