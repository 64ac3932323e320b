"""A person's own pages in a browser: the look goes along, passkeys and codes let in."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.accounts.test_second_factor import code_of
from tests.browser.conftest import Visiting
from tests.browser.visits import Visit
from tests.processes import PASSWORD, App, Person

pytestmark = [pytest.mark.browser, pytest.mark.processes]
SECURITY = "/accounts/second-factor/"
DEVICE = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


def under_a_name(app: App) -> str:
    """Return the app's address where browsers allow passkeys."""
    return app.url.replace("127.0.0.1", "localhost").replace("0.0.0.0", "localhost")


def add_device(visit: Visit) -> Any:
    """Give the browser a device that holds passkeys; return the wire to it."""
    wire = visit.page.context.new_cdp_session(visit.page)
    wire.send("WebAuthn.enable")
    wire.send("WebAuthn.addVirtualAuthenticator", {"options": DEVICE})
    return wire


def give_password(visit: Visit) -> None:
    visit.page.get_by_label("Your password").fill(PASSWORD)
    visit.page.get_by_role("button", name="Go on").click()


def sign_out(visit: Visit) -> None:
    visit.open("/accounts/logout/")
    visit.page.get_by_role("button", name="Sign out").click()
    visit.page.wait_for_url("**/accounts/login/")


def test_a_passkey_stands_for_name_and_password(app: App, visiting: Visiting) -> None:
    person = app.person("paula")
    visit = visiting(person, url=under_a_name(app))
    add_device(visit)
    visit.open(SECURITY)
    visit.page.get_by_role("link", name="Add a passkey").click()
    give_password(visit)
    visit.page.get_by_label("What it is called").fill("My laptop")
    visit.page.get_by_role("button", name="Add a passkey").click()
    expect(visit.page.locator(".recovery li")).to_have_count(10)
    visit.page.get_by_role("link", name="Done").click()
    expect(visit.page.get_by_text("My laptop", exact=True)).to_be_visible()
    sign_out(visit)
    visit.page.get_by_role("button", name="Sign in with a passkey").click()
    visit.page.wait_for_url("**/")
    visit.page.get_by_role("navigation").get_by_text("paula").first.wait_for()


@pytest.mark.long
def test_a_passkey_is_the_second_step_after_the_password_too(app: App, visiting: Visiting) -> None:
    person = app.person("pavel")
    visit = visiting(person, url=under_a_name(app))
    wire = add_device(visit)
    visit.open(SECURITY + "passkeys/new/")
    give_password(visit)
    visit.page.get_by_role("button", name="Add a passkey").click()
    expect(visit.page.locator(".recovery li")).to_have_count(10)
    sign_out(visit)
    visit.page.get_by_label("User name or e-mail").fill("pavel")
    visit.page.get_by_label("Password").fill(PASSWORD)
    visit.page.get_by_role("button", name="Sign in", exact=True).click()
    visit.page.get_by_role("button", name="Use a passkey").click()
    visit.page.wait_for_url(re.compile(r":\d+/$"))
    visit.open(SECURITY)
    visit.page.get_by_role("link", name="Remove “Passkey 1”").click()
    visit.page.get_by_role("link", name="Use a passkey").click()
    visit.page.get_by_role("button", name="Use a passkey").click()
    visit.page.get_by_role("button", name="Remove").click()
    expect(visit.page.get_by_role("link", name="Add a passkey")).to_be_visible()
    expect(visit.page.get_by_role("link", name="Make new ones")).to_have_count(0)
    assert wire


@pytest.mark.long
def test_codes_of_an_app_let_in(app: App, visiting: Visiting) -> None:
    visit = visiting(app.person("tomas"))
    visit.open(SECURITY)
    visit.page.get_by_role("link", name="Set up codes").click()
    give_password(visit)
    expect(visit.page.locator("svg.qr")).to_be_visible()
    visit.page.get_by_text("It cannot be scanned?").click()
    secret = visit.page.locator(".secret").inner_text()
    visit.page.get_by_label("The code that the app shows now").fill(code_of(secret))
    visit.page.get_by_role("button", name="Turn codes on").click()
    expect(visit.page.locator(".recovery li")).to_have_count(10)
    sign_out(visit)
    visit.page.get_by_label("User name or e-mail").fill("tomas")
    visit.page.get_by_label("Password").fill(PASSWORD)
    visit.page.get_by_role("button", name="Sign in", exact=True).click()
    visit.page.get_by_label("Code").fill(code_of(secret, periods=1))
    visit.page.get_by_role("button", name="Sign in", exact=True).click()
    visit.page.wait_for_url(re.compile(r":\d+/$"))


def test_the_look_goes_with_the_person_to_another_browser(app: App, visiting: Visiting) -> None:
    person = app.person("lena")
    one, other = visiting(person), visiting(person)
    for visit in (one, other):
        visit.open()
        expect(visit.page.locator("html")).to_have_attribute("data-theme", "light")
    one.page.locator(".account > summary").click()
    with one.page.expect_response("**/accounts/look/"):
        one.page.get_by_role("button", name="Dark").click()
    expect(one.page.locator("html")).to_have_attribute("data-theme", "dark")
    other.open()
    expect(other.page.locator("html")).to_have_attribute("data-theme", "dark")
    other.open("/accounts/")
    other.page.get_by_label("look").select_option("light")
    other.page.get_by_role("button", name="Save").click()
    one.open()
    expect(one.page.locator("html")).to_have_attribute("data-theme", "light")


def test_without_scripts_the_page_keeps_the_look(app: App, visiting: Visiting, alice: Person) -> None:
    visit = visiting(alice, java_script_enabled=False)
    visit.open("/accounts/")
    visit.page.get_by_label("look").select_option("dark")
    visit.page.get_by_role("button", name="Save").click()
    expect(visit.page.locator("html")).to_have_attribute("data-theme", "dark")
    visit.page.get_by_label("look").select_option("")
    visit.page.get_by_role("button", name="Save").click()
