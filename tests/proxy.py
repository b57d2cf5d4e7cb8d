"""A way to the server on which round trips are counted: how often the client speaks after the server has answered."""

import socket
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress

import psycopg
from psycopg.conninfo import make_conninfo

# Said on leaving, and on waiting for what a Sync has asked for already: neither is answered.
_UNANSWERED = {b"X\0\0\0\x04", b"H\0\0\0\x04"}


class Wire:
    """Passes bytes on in both directions, and notes each time that it is the client's turn again."""

    def __init__(self, server: tuple[str, int]) -> None:
        self.server = server
        self.round_trips = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]
        self._lock = threading.Lock()
        self._sockets = [self.listener]
        self._closed = False
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._closed = True
        for one in self._sockets:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def cut(self) -> None:
        """Cut what is connected now; who comes later is let through."""
        for one in [each for each in self._sockets if each is not self.listener]:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def at_turn(self) -> None:
        """Called each time, before what the client has said is passed on."""

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            self._sockets.append(client)
            try:
                server = self._connect()
            except OSError:
                client.close()
                continue
            self._sockets.append(server)
            if self._closed:  # meanwhile: nobody closes these two any more
                client.close()
                server.close()
                return
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            answered = threading.Event()
            answered.set()
            for source, target, is_client in ((client, server, True), (server, client, False)):
                threading.Thread(target=self._pass, args=(source, target, is_client, answered), daemon=True).start()

    def _connect(self) -> socket.socket:
        host, port = self.server
        if not host.startswith("/"):
            return socket.create_connection((host, port))
        server = socket.socket(socket.AF_UNIX)
        try:
            server.connect(f"{host}/.s.PGSQL.{port}")
        except OSError:
            server.close()
            raise
        return server

    def _pass(self, source: socket.socket, target: socket.socket, is_client: bool, answered: threading.Event) -> None:
        with suppress(OSError):
            while piece := source.recv(1 << 16):
                with self._lock:
                    if not is_client:
                        answered.set()
                    elif answered.is_set() and piece not in _UNANSWERED:
                        self.round_trips += 1
                        answered.clear()
                        self.at_turn()
                target.sendall(piece)
        with suppress(OSError):  # also after a reset: whoever was killed had not read everything
            target.shutdown(socket.SHUT_WR)


@contextmanager
def wire(conninfo: str) -> Generator[tuple[str, Wire], None, None]:
    """Give a conninfo that reaches the same database over a wire, and that wire."""
    with psycopg.connect(conninfo) as conn:
        counted = Wire((conn.info.host, conn.info.port))
    try:
        yield (
            make_conninfo(conninfo, host="127.0.0.1", port=counted.port, sslmode="disable", gssencmode="disable"),
            counted,
        )
    finally:
        counted.close()
