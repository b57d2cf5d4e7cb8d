"""A way to the server that speaks TLS, with a certificate made for it; behind it all is as the server says."""

import select
import socket
import ssl
import subprocess
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.proxy import wire


def certificate(folder: Path, name: str) -> Path:
    """Make a certificate that vouches for itself, and its key beside it."""
    made = folder / f"{name}.crt"
    subprocess.run(
        ["openssl", "req", "-new", "-x509", "-nodes", "-days", "2", "-subj", f"/CN={name}",
         "-addext", f"subjectAltName=DNS:{name}", "-keyout", made.with_suffix(".key"), "-out", made],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    return made


@contextmanager
def encrypted(conninfo: str, shown: Path) -> Generator[int, None, None]:
    """Give a port of 127.0.0.1 where the server answers with TLS only, and shows this certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(shown, shown.with_suffix(".key"))
    with wire(conninfo) as (_, plain), socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_accept, args=(listener, context, plain.port), daemon=True).start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)


def _accept(listener: socket.socket, context: ssl.SSLContext, port: int) -> None:
    with suppress(OSError):
        while True:
            client, _ = listener.accept()
            threading.Thread(target=_answer, args=(client, context, port), daemon=True).start()


def _answer(client: socket.socket, context: ssl.SSLContext, port: int) -> None:
    with client, suppress(OSError):  # also those of TLS: the client does not trust the certificate
        client.recv(8)  # the request for TLS
        client.sendall(b"S")
        with context.wrap_socket(client, server_side=True) as ours, socket.create_connection(("127.0.0.1", port)) as on:
            other = {ours: on, on: ours}
            while True:
                ready = [ours] if ours.pending() else select.select([ours, on], [], [], 60)[0]
                for one in ready:
                    piece = one.recv(1 << 16)
                    if not piece:
                        return
                    other[one].sendall(piece)
