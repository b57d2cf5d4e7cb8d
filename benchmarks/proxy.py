"""A network made of two threads a direction: what comes in goes out a little later, however much of it there is.

Run as a process of its own, so that it takes no time from the client's interpreter: `python -m benchmarks.proxy`.
"""

import argparse
import queue
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg.conninfo import make_conninfo

ROUND_TRIP = 0.001
Pieces = queue.SimpleQueue[tuple[float, bytes]]


def receive(source: socket.socket, pieces: Pieces, delay: float) -> None:
    """Note when each piece is due; the empty one says that there will be no more."""
    piece = b"-"
    while piece:
        try:
            piece = source.recv(1 << 18)
        except OSError:
            piece = b""
        pieces.put((time.perf_counter() + delay, piece))


def send(target: socket.socket, pieces: Pieces) -> None:
    while True:
        due, piece = pieces.get()
        time.sleep(max(0.0, due - time.perf_counter()))
        try:
            if not piece:
                target.shutdown(socket.SHUT_WR)
                return
            target.sendall(piece)
        except OSError:
            return


def connect(server: str) -> socket.socket:
    if server.startswith("/"):
        target = socket.socket(socket.AF_UNIX)
        target.connect(server)
        return target
    host, _, port = server.rpartition(":")
    target = socket.create_connection((host, int(port)))
    target.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return target


def serve(server: str, delay: float) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    while True:
        client, _ = listener.accept()
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        target = connect(server)
        for one, other in ((client, target), (target, client)):
            pieces: Pieces = queue.SimpleQueue()
            threading.Thread(target=receive, args=(one, pieces, delay), daemon=True).start()
            threading.Thread(target=send, args=(other, pieces), daemon=True).start()


@contextmanager
def network(conninfo: str, round_trip: float = ROUND_TRIP) -> Iterator[str]:
    """Yield a conninfo that reaches the same server over a slower way, on the loopback."""
    with psycopg.connect(conninfo) as conn:
        host, port = conn.info.host, conn.info.port
    server = f"{host}/.s.PGSQL.{port}" if host.startswith("/") else f"{host}:{port}"
    command = [sys.executable, "-m", "benchmarks.proxy", server, str(round_trip / 2)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            away = {"host": "127.0.0.1", "port": process.stdout.readline().strip()}
            yield make_conninfo(conninfo, **away, sslmode="disable", gssencmode="disable")
        finally:
            process.terminate()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="A proxy on the loopback that delays each way.")
    parser.add_argument("server", help="host:port, or the path of a unix socket")
    parser.add_argument("delay", type=float, help="seconds each way")
    given = parser.parse_args()
    serve(given.server, given.delay)
