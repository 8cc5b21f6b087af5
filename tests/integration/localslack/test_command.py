"""``python -m bot.localslack``."""

import asyncio
import json
import re
import signal
import sys
from pathlib import Path

import aiohttp


async def start(*options: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bot.localslack",
        *options,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def test_it_serves_a_seed_until_it_is_interrupted_and_refuses_a_taken_port(tmp_path: Path) -> None:
    seed = tmp_path / "seed.json"
    seed.write_text(json.dumps({"users": [{"id": "U0ZOE", "name": "zoe"}]}), encoding="utf-8")
    first = await start("--port", "0", "--seed", str(seed))
    assert first.stdout is not None
    line = (await first.stdout.readline()).decode()
    found = re.search(r"http://127\.0\.0\.1:(\d+)", line)
    assert found, line
    async with aiohttp.ClientSession() as session:
        users = await (await session.get(f"{found[0]}/local/users")).json()
    assert [user["id"] for user in users["users"]] == ["U0CHECKPOINT", "U0ZOE"]

    second = await start("--port", found[1])
    _, complaint = await second.communicate()
    assert second.returncode == 1
    assert complaint.decode().startswith("the workspace cannot be served: ")

    first.send_signal(signal.SIGINT)
    rest, errors = await first.communicate()
    assert (first.returncode, errors) == (0, b"")
    assert b"SLACK_SIGNING_SECRET=" in rest
