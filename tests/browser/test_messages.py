"""What a person does to messages: edit, ask anew, step between versions, delete, fork, sum up."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visiting
from tests.browser.visits import Visit
from tests.processes import App, Person
from tests.standins.ollama_script import Script

pytestmark = [pytest.mark.browser, pytest.mark.processes]


@pytest.fixture
def chat(desk: Visit) -> Visit:
    """A chat with one finished answer."""
    desk.app.ollama.default = Script(tokens=["First ", "answer."])
    desk.begin("A question")
    desk.wait_for_end()
    return desk


def menu(visit: Visit, what: str, *, of: str = "assistant") -> None:
    """Choose something in the menu of the newest message."""
    visit.page.locator(f"chat-message.{of} [data-more]").last.click()
    visit.page.locator("#message-menu").get_by_role("menuitem", name=what).click()


def test_a_question_asked_in_other_words_keeps_the_first_a_step_away(chat: Visit) -> None:
    chat.app.ollama.default = Script(tokens=["Second answer."])
    chat.page.locator(".message.user").hover()
    chat.page.locator("[data-edit]").click()
    chat.page.locator(".editor textarea").fill("Another question")
    chat.page.get_by_role("button", name="Send again").click()
    expect(chat.page.locator(".bubble")).to_have_text("Another question")
    expect(chat.prose).to_have_text("Second answer.")
    expect(chat.page.locator(".branches")).to_contain_text("2/2")
    chat.page.get_by_role("button", name="The version before").click()
    expect(chat.page.locator(".bubble")).to_have_text("A question")
    expect(chat.prose).to_have_text("First answer.")
    chat.page.reload()
    expect(chat.page.locator(".branches")).to_contain_text("1/2")


def test_an_answer_is_edited_in_place_with_the_keyboard(chat: Visit) -> None:
    more = chat.page.locator("chat-message.assistant [data-more]")
    more.focus()
    chat.page.keyboard.press("Enter")
    chat.page.keyboard.press("Enter")  # the first entry has the focus
    text = chat.page.locator(".editor textarea")
    expect(text).to_be_focused()
    text.press("Escape")
    expect(text).to_have_count(0)
    expect(more).to_be_focused()
    menu(chat, "Edit")
    text.fill("**Mine** now")
    text.press("Control+Enter")
    expect(chat.prose.locator("strong")).to_have_text("Mine")
    expect(chat.page.locator(".assistant .edited")).to_be_visible()


def test_a_deleted_message_comes_back(chat: Visit) -> None:
    menu(chat, "Delete", of="user")
    expect(chat.page.locator(".bubble")).to_have_count(0)
    expect(chat.prose).to_have_text("First answer.")
    chat.page.get_by_role("button", name="Bring back").click()
    expect(chat.page.locator(".bubble")).to_have_text("A question")


def test_a_message_that_was_deleted_before_comes_back_from_the_settings(chat: Visit) -> None:
    menu(chat, "Delete", of="user")
    expect(chat.page.locator(".bubble")).to_have_count(0)
    chat.page.reload()
    chat.page.locator("a.icon-link[data-dialog]").click()
    dialog = chat.page.locator(".page-dialog")
    dialog.get_by_text("Deleted messages").click()
    dialog.get_by_role("button", name="Bring back").click()
    expect(chat.page.locator(".bubble")).to_have_text("A question")


def test_another_model_answers_beside_the_first(chat: Visit) -> None:
    chat.app.ollama.default = Script(tokens=["From the other."])
    chat.page.locator(".picker > summary").click()
    chat.page.get_by_text("smollm2-tools:135m").click()
    menu(chat, "Another answer by smollm2-tools:135m")
    expect(chat.prose).to_have_text("From the other.")
    expect(chat.page.locator(".assistant .branches")).to_contain_text("2/2")


def test_models_have_the_names_that_an_admin_gave_them(chat: Visit) -> None:
    chat.app.manage("shell", "-c", NAMED.format(name="smollm2-tools:135m", label="The handy one"))
    try:
        chat.page.reload()
        chat.page.locator(".picker > summary").click()
        chat.page.get_by_text("The handy one").click()
        menu(chat, "Another answer by The handy one")
        expect(chat.answer.locator(".who")).to_contain_text("The handy one")
        chat.wait_for_end()
        expect(chat.answer.locator(".who")).to_contain_text("The handy one")
    finally:
        chat.app.manage("shell", "-c", "from gpu.models import LanguageModel as M; M.objects.all().delete()")


NAMED = (
    "from gpu.models import LanguageModel as M;"
    " M.objects.update_or_create(name='{name}', defaults={{'label': '{label}'}})"
)


def test_a_fork_is_a_chat_of_its_own(chat: Visit) -> None:
    first = chat.path
    menu(chat, "New chat from here")
    chat.page.wait_for_function("path => location.pathname !== path", arg=first)
    expect(chat.prose).to_have_text("First answer.")
    expect(chat.page.locator("#chat-title")).to_have_text("A question (copy)")


def test_another_tab_sees_what_is_done_here(chat: Visit, visiting: Visiting, alice: Person) -> None:
    other = visiting(alice)
    other.open(chat.path)
    expect(other.prose).to_have_text("First answer.")
    menu(chat, "Delete", of="user")
    expect(other.page.locator(".bubble")).to_have_count(0)


def test_words_in_an_editor_outlive_what_another_tab_does(
    chat: Visit, visiting: Visiting, alice: Person
) -> None:
    other = visiting(alice)
    other.open(chat.path)
    menu(other, "Edit", of="user")
    text = other.page.locator(".editor textarea")
    text.fill("Half of a better question")
    chat.app.ollama.default = Script(tokens=["Second answer."])
    menu(chat, "Edit", of="user")
    chat.page.locator(".editor textarea").fill("Another question")
    chat.page.get_by_role("button", name="Send again").click()
    expect(other.prose).to_have_text("Second answer.")
    expect(text).to_have_value("Half of a better question")
    expect(text).to_be_focused()
    other.page.reload()
    expect(other.prose).to_have_text("Second answer.")
    other.page.get_by_role("button", name="The version before").click()
    expect(text).to_have_value("Half of a better question")
    other.page.get_by_role("button", name="Only save").click()
    expect(other.page.locator(".bubble")).to_have_text("Half of a better question")
    other.page.reload()
    expect(other.page.locator(".bubble")).to_have_text("Half of a better question")
    expect(text).to_have_count(0)


def test_an_editor_that_is_given_up_shows_what_happened_meanwhile(
    chat: Visit, visiting: Visiting, alice: Person
) -> None:
    other = visiting(alice)
    other.open(chat.path)
    menu(other, "Edit", of="user")
    other.page.locator(".editor textarea").fill("Half a question")
    menu(chat, "Delete", of="user")
    expect(chat.page.locator(".bubble")).to_have_count(0)
    other.page.locator(".editor textarea").press("Escape")
    expect(other.page.locator(".message.user")).to_have_count(0)
    chat.page.get_by_role("button", name="Bring back").click()
    expect(other.page.locator(".bubble")).to_have_text("A question")
    expect(other.page.locator(".editor")).to_have_count(0)


def test_an_answer_that_ends_elsewhere_is_marked_until_it_is_looked_at(
    chat: Visit, visiting: Visiting, alice: Person
) -> None:
    other = visiting(alice)
    other.open("/")
    chat.send("One more")
    expect(chat.answers).to_have_count(2)
    chat.wait_for_end()
    row = other.page.locator(f".chat-row:has(a[href='{chat.path}'])")
    expect(row.locator(".running")).to_have_count(0)
    expect(row.locator(".fresh")).to_have_count(0)  # it was looked at where it ended
    number = int(chat_id(chat))
    chat.page.close()
    chat.app.send(alice, "And more", chat=number)
    expect(row.locator(".fresh")).to_be_attached()
    expect(other.page).to_have_title("● Ollama Chat")
    row.locator("a").first.click()
    other.page.wait_for_url(f"**{chat.path}")
    expect(row.locator(".fresh")).to_have_count(0)


def chat_id(visit: Visit) -> str:
    return visit.page.url.rstrip("/").rsplit("/", 1)[1]


def test_a_draft_follows_to_another_device(chat: Visit, visiting: Visiting, alice: Person) -> None:
    with chat.page.expect_response("**/draft/"):
        chat.write("Half a thought")
    phone = visiting(alice, phone=True)
    phone.open(chat.path)
    expect(phone.composer).to_have_value("Half a thought")


def test_a_draft_follows_before_its_chat_has_begun(desk: Visit, phone: Visit) -> None:
    desk.app.ollama.default = Script(tokens=["ok"])
    desk.open()
    with desk.page.expect_response("**/chats/draft/"):
        desk.write("Half a thought")
    phone.open()
    expect(phone.composer).to_have_value("Half a thought")
    desk.composer.press("Enter")
    desk.page.wait_for_url("**/chats/*/")
    phone.page.reload()
    expect(phone.composer).to_have_value("")


def test_instructions_of_a_chat_reach_the_model(chat: Visit) -> None:
    chat.page.locator("a.icon-link").click()
    dialog = chat.page.locator(".page-dialog[open]")
    dialog.get_by_label("Instructions for the model").fill("Answer in rhyme.")
    dialog.locator("summary").click()
    dialog.locator("[name=temperature]").fill("0.3")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_have_count(0)
    chat.send("Go on")
    expect(chat.answers).to_have_count(2)
    chat.wait_for_end()
    body = chat.app.ollama.chats[-1].body
    assert body["messages"][0] == {"role": "system", "content": "Answer in rhyme."}
    assert body["options"]["temperature"] == 0.3


def test_older_messages_come_as_one_scrolls_up(desk: Visit, app: App, alice: Person) -> None:
    desk.app.ollama.default = Script(tokens=["ok"])
    chat, answer = app.send(alice, "Message 0")
    app.wait_for_answer(alice, chat, answer)
    app.manage("shell", "-c", MANY.format(chat=chat))
    desk.open(f"/chats/{chat}/")
    expect(desk.page.locator("chat-message").last).to_be_in_viewport()
    expect(desk.page.locator("chat-message")).to_have_count(80)

    def all_have_come() -> bool:
        desk.page.locator("chat-log").evaluate("log => log.scrollTop = 0")
        return desk.page.locator("chat-message").count() == 202

    desk.wait_for(all_have_come, "the first message")
    expect(desk.page.locator(".earlier")).to_have_count(0)


MANY = """
from chats.models import Chat, Message
chat = Chat.objects.get(pk={chat})
for number in range(200):
    role = "assistant" if number % 2 else "user"
    chat.leaf = Message.objects.create(
        chat=chat, parent=chat.leaf, author=chat.user, role=role, content=f"Message {{number}}"
    )
chat.save()
"""


def test_the_line_above_which_nothing_is_seen_can_be_summed_up(desk: Visit, app: App, alice: Person) -> None:
    app.ollama.default = Script(tokens=["Noted."])
    app.manage("shell", "-c", SMALL.format(model=next(iter(app.ollama.models)), window=1024))
    try:
        chat = None
        for number in range(5):
            chat, answer = app.send(alice, f"Fact {number}. " + "word " * 150, chat=chat)
            app.wait_for_answer(alice, chat, answer)
        desk.open(f"/chats/{chat}/")
        line = desk.page.locator(".cut-line")
        expect(line).to_contain_text("nothing above this line")
        app.ollama.default = Script(tokens=["They told facts."])
        line.get_by_role("button", name="Sum up the older part").click()
        expect(desk.page.get_by_text("Summary of what stands above")).to_be_visible()
        expect(desk.page.get_by_text("They told facts.")).to_be_visible()
        expect(line).to_have_count(0)
    finally:
        app.manage("shell", "-c", "from gpu.models import LanguageModel as M; M.objects.all().delete()")


def test_the_line_is_drawn_among_messages_that_come_as_one_scrolls_up(
    desk: Visit, app: App, alice: Person
) -> None:
    app.ollama.default = Script(tokens=["ok"])
    app.manage("shell", "-c", SMALL.format(model=next(iter(app.ollama.models)), window=2048))
    try:
        chat, answer = app.send(alice, "Message 0")
        app.wait_for_answer(alice, chat, answer)
        app.manage("shell", "-c", MANY.format(chat=chat))
        desk.open(f"/chats/{chat}/")
        expect(desk.page.locator(".gauge")).to_have_attribute("data-cut", re.compile(r"\d+"))
        log = desk.page.locator("chat-log")
        desk.wait_for(
            lambda: log.evaluate("log => (log.scrollTop = 0, !log.querySelector('.earlier'))"), "all"
        )
        expect(desk.page.locator("chat-message")).to_have_count(202)
        expect(desk.page.locator(".cut-line")).to_have_count(1)
    finally:
        app.manage("shell", "-c", "from gpu.models import LanguageModel as M; M.objects.all().delete()")


SMALL = (
    "from gpu.models import LanguageModel as M; "
    "M.objects.update_or_create(name='{model}', defaults=dict(num_ctx={window}, bytes_per_token=4))"
)
