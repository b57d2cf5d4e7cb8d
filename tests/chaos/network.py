"""A network that cuts connections: in the middle of what the client says, and behind it, before the answer."""

import random
import socket
import sys
import threading
from contextlib import suppress

from tests.proxy import Wire


class Scissors(Wire):
    """Passes everything on, until the next piece to be cut."""

    def __init__(self, server: tuple[str, int], seed: int, pieces: int) -> None:
        self.random = random.Random(seed)
        self.pieces = pieces
        self.left = self._next()
        self.cuts = 0
        super().__init__(server)

    def calm(self) -> None:
        """Cut nothing any more."""
        with self._lock:
            self.left = sys.maxsize

    def _next(self) -> int:
        return self.random.randrange(2 * self.pieces)

    def _pass(self, source: socket.socket, target: socket.socket, is_client: bool, answered: threading.Event) -> None:
        with suppress(OSError):
            while piece := source.recv(1 << 16):
                if is_client and self._is_cut():
                    # All of it, and the server does the work, or a part that the server waits for the rest of.
                    target.sendall(piece[: self.random.randrange(1, len(piece) + 1)] if self.cuts % 2 else piece)
                    break
                target.sendall(piece)
        for one in (source, target):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        self._forget(source)

    def _is_cut(self) -> bool:
        with self._lock:
            self.left -= 1
            if self.left >= 0:
                return False
            self.left = self._next()
            self.cuts += 1
            return True

    def _forget(self, one: socket.socket) -> None:
        with self._lock, suppress(ValueError):
            self._sockets.remove(one)
        one.close()
