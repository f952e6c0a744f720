"""The demo newsroom: a local web server with invented news, in a process of its own.

    python -m services.embedded.demo.newsroom --port 0 --script builtin

Says where it listens in one line of JSON on standard output, and stops on SIGTERM or,
with --with-parent, when standard input ends because the process that started it is gone.
"""

import argparse
import asyncio
import json
import os
import socket
import sys
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web

from services.embedded.demo.control import Control
from services.embedded.demo.desk import Desk
from services.embedded.demo.house import House
from services.embedded.demo.playback import Tempo, lay_out, play
from services.embedded.demo.script import BUILTIN, Script, ScriptError, read_script
from services.embedded.demo.site import Site, recording
from services.runtime.clock import utc_now
from services.runtime.lifecycle import stop_on_signals
from services.runtime.log import configure_logging

LOOPBACK = "127.0.0.1"  # the control API has no password: never listen anywhere else
LARGEST_ORDER_BYTES = 20_000_000  # tests publish articles larger than a record of the bus may be


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until stopped; returns the exit code."""
    options = _parser().parse_args(arguments)
    configure_logging("warning", "auto")
    try:
        script = _script(options.script)
        listener = socket.create_server((LOOPBACK, options.port))
    except ScriptError as error:
        return _refuse(str(error))
    except OSError as error:
        return _refuse(f"cannot listen on port {options.port} ({error.strerror}); try --port 0")
    with listener:
        tempo = Tempo(options.speed, options.once)
        asyncio.run(_run(script, listener, tempo, with_parent=options.with_parent))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="newsroom", description="a local newsroom to watch")
    parser.add_argument("--port", type=int, default=0, help="0 takes any free port")
    parser.add_argument("--script", default="builtin", help="builtin, empty, or a file's path")
    parser.add_argument("--speed", type=_positive, default=1.0, help="divides all times")
    parser.add_argument("--once", action="store_true", help="publish nothing after the timeline")
    parser.add_argument("--with-parent", action="store_true", help="stop when stdin ends")
    return parser


def _positive(text: str) -> float:
    if (speed := float(text)) > 0:
        return speed
    raise argparse.ArgumentTypeError("a speed is a number above 0")


def _script(name: str) -> Script:
    return (
        Script() if name == "empty" else read_script(BUILTIN if name == "builtin" else Path(name))
    )


def _refuse(reason: str) -> int:
    sys.stderr.write(f"newsroom: {reason}\n")
    return 2


async def _run(script: Script, listener: socket.socket, tempo: Tempo, *, with_parent: bool) -> None:
    base_url = f"http://{LOOPBACK}:{listener.getsockname()[1]}"
    house = House(Desk(), utc_now, base_url, script)
    lay_out(house)
    async with stop_on_signals() as stop, serving(house, listener):
        if with_parent:
            _stop_with_parent(stop)
        sys.stdout.write(json.dumps({"url": base_url}) + "\n")
        sys.stdout.flush()
        await _play_until(stop, house, tempo)


async def _play_until(stop: asyncio.Event, house: House, tempo: Tempo) -> None:
    # In a task group a playback that crashes ends the process with its traceback, instead
    # of leaving a server behind that never publishes.
    async with asyncio.TaskGroup() as tasks:
        playing = tasks.create_task(play(house, tempo))
        await stop.wait()
        playing.cancel()


@asynccontextmanager
async def serving(house: House, listener: socket.socket) -> AsyncIterator[None]:
    """Serve the house on a listening socket."""
    app = web.Application(middlewares=[recording(house)], client_max_size=LARGEST_ORDER_BYTES)
    app.add_routes(Control(house).routes())
    app.add_routes(Site(house).routes())
    # handler_cancellation: an endless answer must end when its client goes away.
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.2)
    await runner.setup()
    try:
        await web.SockSite(runner, listener).start()
        yield
    finally:
        await runner.cleanup()


def _stop_with_parent(stop: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()

    def watch() -> None:
        # A blocking read in a daemon thread works for whatever standard input is; the
        # event loop refuses files and /dev/null.
        while _more_input():
            pass
        loop.call_soon_threadsafe(stop.set)

    threading.Thread(target=watch, name="parent watch", daemon=True).start()


def _more_input() -> bool:
    try:
        return bool(os.read(0, 4096))
    except OSError:
        return False


if __name__ == "__main__":
    sys.exit(main())
