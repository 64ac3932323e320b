"""The core of it all over plain http at an address that is not this computer's own."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from launch.network import lan_addresses
from tests.browser.conftest import Visiting
from tests.browser.test_markdown import CODE, paste
from tests.processes import PASSWORD, App, Person
from tests.standins.ollama_script import Script

pytestmark = [pytest.mark.browser, pytest.mark.processes]


@pytest.mark.skipif(not lan_addresses(), reason="this machine has no address but its own")
def test_a_phone_on_the_home_network_signs_in_sends_copies_and_stops(
    visiting: Visiting, app: App, alice: Person
) -> None:
    told = f"```python\n{CODE}```\n\n" + "word " * 200
    app.ollama.default = Script(tokens=[told[at : at + 5] for at in range(0, len(told), 5)], rate=30)
    visit = visiting(url=f"http://{lan_addresses()[0]}:{app.environment['PORT']}")
    visit.open()
    assert not visit.page.evaluate("isSecureContext")
    visit.page.locator("[name=login]").fill(alice.name)
    visit.page.locator("[name=password]").fill(PASSWORD)
    visit.page.locator("form .primary").click()
    visit.page.wait_for_url(visit.url + "/")
    visit.send("From the kitchen")
    visit.page.wait_for_url("**/chats/*/")
    expect(visit.prose).to_contain_text("word")
    visit.answer.get_by_role("button", name="Copy").first.click()
    expect(visit.answer.locator(".code-bar button").last).to_have_text("Copied")
    assert paste(visit.page) == CODE
    visit.write("")
    seen = visit.words()
    visit.wait_for_words(seen + 5)
    visit.page.get_by_role("button", name="Stop", exact=True).click()
    visit.wait_for_end()
    expect(visit.answer).to_have_attribute("data-status", "stopped")
