"""A Redis that answers INFO, until it is switched off."""

import socketserver
import threading

INFO = (
    "# Server\r\nredis_version:7.4.0\r\nuptime_in_seconds:60\r\n# Clients\r\nconnected_clients:1\r\n"
    "# Memory\r\nused_memory:1000000\r\nmaxmemory:0\r\n# Stats\r\ntotal_commands_processed:10\r\n"
    "# Keyspace\r\ndb0:keys=1,expires=0,avg_ttl=0\r\n"
)


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


class FakeRedis:
    """Listens until ``go_down``."""

    def __init__(self) -> None:
        self.is_up = True
        self._server = _Server(("127.0.0.1", 0), self._handler())
        self.port = int(self._server.server_address[1])
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def go_down(self) -> None:
        """Refuse new connections, end the old ones at their next command."""
        if self.is_up:
            self.is_up = False
            self._server.shutdown()
            self._server.server_close()

    def _handler(self) -> type[socketserver.StreamRequestHandler]:
        redis = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                while redis.is_up and (head := self.rfile.readline()).startswith(b"*"):
                    for _ in range(int(head[1:])):
                        self.rfile.read(int(self.rfile.readline()[1:]) + 2)
                    if redis.is_up:
                        self.wfile.write(f"${len(INFO)}\r\n{INFO}\r\n".encode())

        return Handler
