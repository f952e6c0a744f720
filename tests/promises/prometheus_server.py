"""A real Prometheus with the deployed configuration, in a hurry, on a free port."""

import asyncio
import json
import math
import re
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from tests.pipeline.wirewatch_process import until
from tests.promises.observability import PROMETHEUS, program

_HURRY = {"scrape_interval": "250ms", "scrape_timeout": "250ms", "evaluation_interval": "500ms"}


@dataclass(frozen=True, slots=True)
class Prometheus:
    """A running Prometheus."""

    url: str
    client: aiohttp.ClientSession

    async def ask(self, expr: str) -> list[float]:
        """The values of the expression's series now."""
        result = (await self._get("/api/v1/query", query=expr))["result"]
        return [float(series["value"][1]) for series in result]

    async def knows(self, expr: str) -> bool:
        """Whether the expression has data now: a series with a number."""
        return any(not math.isnan(value) for value in await self.ask(expr))

    async def until(self, expr: str) -> None:
        """Wait until the expression has data."""

        async def known() -> bool:
            return await self.knows(expr)

        await until(known, f"Prometheus to know {expr}")

    async def rules(self) -> dict[str, dict[str, Any]]:
        """What Prometheus says of each alert."""
        groups = (await self._get("/api/v1/rules"))["groups"]
        return {rule["name"]: rule for group in groups for rule in group["rules"]}

    async def _get(self, path: str, **query: str) -> dict[str, Any]:
        async with self.client.get(self.url + path, params=query) as response:
            answer = await response.json()
            assert response.status == 200, answer
            return dict(answer["data"])


@asynccontextmanager
async def running_prometheus(folder: Path, targets: Mapping[str, str]) -> AsyncIterator[Prometheus]:
    """A Prometheus that scrapes these addresses, by the name of the service."""
    _configure(folder, targets)
    log = folder / "prometheus.log"
    with log.open("wb") as out:
        process = await asyncio.create_subprocess_exec(
            program("prometheus"),
            f"--config.file={folder / 'prometheus.local.yml'}",
            f"--storage.tsdb.path={folder / 'data'}",
            "--web.listen-address=127.0.0.1:0",
            stdout=out,
            stderr=out,
        )
    try:
        async with aiohttp.ClientSession() as client:
            yield Prometheus(await _address(log), client)
    finally:
        process.terminate()
        await process.wait()


def _configure(folder: Path, targets: Mapping[str, str]) -> None:
    shutil.copytree(PROMETHEUS, folder)
    config = folder / "prometheus.local.yml"
    settings = yaml.safe_load(config.read_text())
    config.write_text(yaml.safe_dump({**settings, "global": _HURRY}))
    listed = [{"targets": [at], "labels": {"service": name}} for name, at in targets.items()]
    (folder / "targets.json").write_text(json.dumps(listed))


async def _address(log: Path) -> str:
    def found() -> str | None:
        told = re.search(r'msg="Listening on".* address=(\S+)', log.read_text())
        return told[1] if told and "ready to receive web requests" in log.read_text() else None

    async def listens() -> bool:
        return found() is not None

    await until(listens, f"Prometheus to listen: {log}")
    return f"http://{found()}"
