"""A proxy between a client and the endpoint, on which the network fails: TCP, on loopback."""

import socket
import struct
import threading
import time
from contextlib import contextmanager, suppress


class Proxy:
    """``port`` is forwarded. `cut` breaks all connections and takes no new ones until `mend`."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._open: list[socket.socket] = []
        self._down = self._closed = False
        self.frozen = False
        """While it is, bytes are taken and go nowhere: a cable that was cut."""
        self.resets = 0
        """How many of the next connections are reset as soon as the client has said something."""
        self.connections = 0
        threading.Thread(target=self._serve, daemon=True).start()

    def cut(self) -> None:
        self._down = True
        for one in self._open:
            _reset(one)
        self._open.clear()

    def mend(self) -> None:
        self._down = False

    def cut_for(self, seconds: float) -> None:
        self.cut()
        threading.Timer(seconds, self.mend).start()

    def close(self) -> None:
        self._closed = True
        self.cut()
        self._listener.close()

    def _serve(self) -> None:
        while not self._closed:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            if self._down:
                _reset(near)
            elif self.resets:
                self.resets -= 1
                near.recv(1)
                _reset(near)
            else:
                far = socket.create_connection(("127.0.0.1", self._to))
                self._open += [near, far]
                for pair in ((near, far), (far, near)):
                    threading.Thread(target=self._pass, args=pair, daemon=True).start()

    def _pass(self, source: socket.socket, to: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                while self.frozen and not self._down:
                    time.sleep(0.02)
                to.sendall(data)
        for one in (source, to):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


def _reset(one: socket.socket) -> None:
    with suppress(OSError):
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        one.shutdown(socket.SHUT_RDWR)
    one.close()


@contextmanager
def proxy(port: int):
    made = Proxy(port)
    try:
        yield made
    finally:
        made.close()
