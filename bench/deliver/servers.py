"""A mail server and a Slack that take everything, in a process of their own.

They do as little as their protocols allow, so that they are never what is measured. Prints
their ports on one line, then runs until its standard input ends.
"""

import asyncio
import sys


class Mail(asyncio.Protocol):
    """One SMTP connection, without TLS."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greets."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._buffer = b""
        self._reads_mail = False
        transport.write(b"220 bench ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        """Answers every command that is complete."""
        self._buffer += data
        while self._step():
            pass

    def _step(self) -> bool:
        end = b"\r\n.\r\n" if self._reads_mail else b"\r\n"
        line, found, rest = self._buffer.partition(end)
        if not found:
            return False
        self._buffer = rest
        self._answer(line.upper())
        return True

    def _answer(self, line: bytes) -> None:
        if self._reads_mail:
            self._reads_mail = False
            self._transport.write(b"250 taken\r\n")
        elif line.startswith(b"DATA"):
            self._reads_mail = True
            self._transport.write(b"354 go on\r\n")
        elif line.startswith(b"EHLO"):
            self._transport.write(b"250-bench\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n")
        elif line.startswith(b"QUIT"):
            self._transport.write(b"221 bye\r\n")
            self._transport.close()
        else:
            self._transport.write(b"250 ok\r\n")


class Slack(asyncio.Protocol):
    """One HTTP connection to an incoming webhook."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Waits for requests."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._buffer = b""

    def data_received(self, data: bytes) -> None:
        """Answers every request that is complete."""
        self._buffer += data
        while True:
            head, found, rest = self._buffer.partition(b"\r\n\r\n")
            if not found:
                return
            length = _length(head)
            if len(rest) < length:
                return
            self._buffer = rest[length:]
            self._transport.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok"
            )


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        if line.lower().startswith(b"content-length:"):
            return int(line[15:])
    return 0


async def main() -> None:
    """Serve until nobody wants it any more."""
    loop = asyncio.get_running_loop()
    mail = await loop.create_server(Mail, "127.0.0.1", 0)
    slack = await loop.create_server(Slack, "127.0.0.1", 0)
    ports = [server.sockets[0].getsockname()[1] for server in (mail, slack)]
    sys.stdout.write(f"{ports[0]} {ports[1]}\n")
    sys.stdout.flush()
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())
