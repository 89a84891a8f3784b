"""The socket of the embedded ClickHouse, bound before the engine starts."""

from __future__ import annotations

import errno
import socket

from common.errors import SettingError


def listen(host: str, port: int) -> socket.socket:
    """A bound socket.

    Raises:
        SettingError: the port is taken or the address is not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
        sock.listen(128)
    except OSError as error:
        sock.close()
        problems = {errno.EADDRINUSE: "already in use", errno.EACCES: "not allowed"}
        if problem := problems.get(error.errno or 0):
            raise SettingError("CLICKHOUSE_PORT", f"port {port} is {problem}") from error
        raise SettingError(
            "CLICKHOUSE_BIND_HOST", f"cannot listen on {host}: {error.strerror}"
        ) from error
    return sock
