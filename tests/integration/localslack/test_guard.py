"""The workspace refuses other machines, other pages, and other names for this machine."""

import aiohttp
import pytest

from bot.localslack import LocalSlack, Person, PersonError, northwind
from tests.integration.localslack.conftest import SEED


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.2", "example.com", ""])
def test_it_listens_on_loopback_only(host: str) -> None:
    with pytest.raises(ValueError, match="this machine only"):
        LocalSlack(SEED, host=host)


@pytest.mark.parametrize("path", ["/", "/local/state?as=U0AAA", "/api/api.test"])
async def test_another_name_for_this_machine_is_refused(slack: LocalSlack, path: str) -> None:
    async with aiohttp.ClientSession() as session:
        for host in (
            "evil.example",
            "127.0.0.1.evil.example:80",
            "localhost@evil.example",
            "10.0.0.1:80",
            "",
        ):
            response = await session.get(slack.base_url + path, headers={"Host": host})
            assert response.status in (400, 421)
        for host in ("localhost:9999", "127.0.0.1:8065", "[::1]:1"):  # through a tunnel
            assert (await session.get(slack.base_url + path, headers={"Host": host})).status == 200


async def test_acting_needs_the_token_and_the_right_origin(slack: LocalSlack, ada: Person) -> None:
    await ada.state()
    token = ada._token
    body = {"as": "U0AAA", "channel": "C0APPR", "text": "hi"}
    url = slack.base_url + "/local/post"
    async with aiohttp.ClientSession() as session:
        for headers, status in (
            ({}, 403),
            ({"X-Localslack-Token": "wrong"}, 403),
            ({"X-Localslack-Token": token, "Origin": "https://evil.example"}, 403),
            ({"X-Localslack-Token": token, "Origin": "http://127.0.0.1:1"}, 403),
            ({"X-Localslack-Token": token, "Sec-Fetch-Site": "cross-site"}, 403),
            ({"X-Localslack-Token": token, "Sec-Fetch-Site": "same-site"}, 403),
            ({"X-Localslack-Token": token, "Origin": slack.base_url}, 200),
            ({"X-Localslack-Token": token}, 200),
        ):
            assert (await session.post(url, json=body, headers=headers)).status == status
        reading = slack.base_url + "/local/state?as=U0AAA"
        assert (await session.get(reading, headers={"Sec-Fetch-Site": "cross-site"})).status == 403
        assert (await session.get(reading)).status == 200
    assert len(await ada.messages("C0APPR")) == 2


async def test_the_page_allows_no_other_host_and_no_inline_script(slack: LocalSlack) -> None:
    async with aiohttp.ClientSession() as session:
        for path in ("/", "/page/main.js", "/page/layout.css", "/local/users"):
            response = await session.get(slack.base_url + path)
            assert response.status == 200
            policy = response.headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy
            assert "unsafe" not in policy
            assert "http" not in policy
            assert response.headers["X-Content-Type-Options"] == "nosniff"
        for path in (
            "/page/nothing.js",
            "/page/index.html",
            "/page/..%2fserver.py",
            "/page/%2e%2e/server.py",
        ):
            assert (await session.get(slack.base_url + path)).status == 404


@pytest.mark.parametrize(
    "body",
    [{}, {"as": "U0AAA"}, [], {"as": "U0NONE", "channel": "C0APPR", "text": "x"}, {"as": 1, "channel": []}],
)
async def test_requests_that_make_no_sense(slack: LocalSlack, ada: Person, body: object) -> None:
    await ada.state()
    async with aiohttp.ClientSession(headers={"X-Localslack-Token": ada._token}) as session:
        response = await session.post(slack.base_url + "/local/post", json=body)
        assert response.status in (400, 404)
        assert (await response.json())["error"]


async def test_people_are_told_what_they_cannot_do(ada: Person, slack: LocalSlack) -> None:
    with pytest.raises(PersonError, match="is in no conversation"):
        await ada.post("C0NONE", "hi")
    with pytest.raises(PersonError, match="nothing can be said"):
        await ada.post("C0ARCH", "hi")
    with pytest.raises(PersonError, match="no view"):
        await ada.submit("V0", {})
    with pytest.raises(PersonError, match="waited"):
        await ada.wait_for_message("C0APPR", "never", timeout=0.05)
    with pytest.raises(PersonError, match="nobody with the id U0NONE"):
        async with Person(slack.base_url, "U0NONE") as nobody:
            await nobody.state()


async def test_unread_counts(ada: Person, ben: Person) -> None:
    async def unread(person: Person) -> int:
        return int((await person.state())["conversations"][0]["unread"])

    await ada.post("#agent-approvals", "one")
    ts = await ada.post("#agent-approvals", "two")
    assert (await unread(ada), await unread(ben)) == (0, 2)
    await ben.read("#agent-approvals", ts)
    assert await unread(ben) == 0


async def test_it_stops_at_once_while_somebody_watches() -> None:
    server = LocalSlack(northwind())
    await server.start()
    async with aiohttp.ClientSession() as session, session.get(server.base_url + "/local/events") as stream:
        assert b"version" in await stream.content.readline()
        await server.stop()
        await stream.content.read()
    port = server.base_url
    await server.start()
    assert server.base_url == port
    await server.stop()
