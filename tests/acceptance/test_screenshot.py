"""The README's picture, taken from the real page."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from playwright.async_api import expect

from bot.localslack import Person
from tests.acceptance.agent import Agent
from tests.acceptance.company import APPROVALS, CLEO, FAY, GUS
from tests.acceptance.conftest import Open
from tests.acceptance.staging import Stage
from tests.acceptance.test_clicking import button, message

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

PICTURE = Path(__file__).with_name("screenshot.png")
SIZE = {"width": 1280, "height": 960}
RETAKE = "MEMBRANE_SCREENSHOT"
"""Set this to retake the picture. Otherwise only a missing one is taken, so runs change nothing."""


@pytest.mark.skipif(
    PICTURE.exists() and RETAKE not in os.environ, reason=f"taken already; {RETAKE}=1 retakes"
)
async def test_the_picture_for_the_readme(
    stage: Stage, open_page: Open, agent: Agent, cleo: Person, dia: Person
) -> None:
    """It shows an executed card, and one that waits for its second approval."""
    refund = {"amount": 480, "order": "A-1042"}
    asked = await agent.propose("payment.refund", refund, on_behalf_of=GUS)
    card = await cleo.wait_for_message(APPROVALS, "payment.refund")
    async with stage.person(FAY) as fay:
        await fay.click(APPROVALS, card, "approve")
    await agent.wait_for(asked, "approved")
    await agent.claim(asked)
    await agent.report(asked)
    transfer = {"amount": 18_400, "to": "Globex GmbH", "invoice": "2026-118"}
    words = "Globex's second invoice for October, due on Friday."
    await agent.propose("payment.transfer", transfer, description=words, on_behalf_of=GUS)
    waiting = await dia.wait_for_message(APPROVALS, "payment.transfer")
    await dia.click(APPROVALS, waiting, "approve")

    page = await open_page(CLEO, viewport=SIZE, device_scale_factor=1.5)
    await expect(message(page, "payment.refund")).to_contain_text("Executed")
    await expect(message(page, "payment.transfer")).to_contain_text("1 of 2 approvals")
    await expect(button(message(page, "payment.transfer"), "approve")).to_be_in_viewport()
    await page.screenshot(path=PICTURE)
