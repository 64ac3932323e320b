"""Hostile texts in the real pages: nothing runs, nothing is asked of other hosts, no policy is tried."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visiting
from tests.browser.vectors import SCHEMES, TAGS, markdown
from tests.browser.visits import Visit
from tests.processes import App, Person

pytestmark = [pytest.mark.browser, pytest.mark.processes]

TRIPWIRE = """
globalThis.trips = [];
for (const name of ["tripped", "alert", "prompt", "confirm", "print", "open"]) {
  Object.defineProperty(globalThis, name, { value: () => trips.push(name), writable: false });
}
"""
# Everything that a script may wait for happens to everything on the page.
PROVOKE = """() => {
  document.querySelectorAll("details").forEach(fold => (fold.open = true));
  for (const node of document.querySelectorAll("chat-log *, .chat-row *, #chat-title, .found-list *")) {
    for (const name of ["mouseover", "mouseenter", "focus", "load", "error", "animationstart", "toggle"]) {
      node.dispatchEvent(new Event(name));
    }
  }
  const safe = /^(https?:|mailto:|#|\\?|\\/(?![\\/\\\\]))/i;
  const names = ["href", "xlink:href", "src", "srcdoc", "action", "formaction", "poster", "data"];
  return [...document.querySelectorAll("body *")].flatMap(node => names
    .map(name => node.getAttribute(name) ?? "")
    .filter(address => address && !safe.test(address))
    .filter(address => !(node.localName === "img" && address.startsWith("data:image/"))));
}"""
FORGED = """() => {
  const prose = [...document.querySelectorAll(".prose, #chat-title, .chat-row, .who, .sources, .thoughts")];
  const bad = "script, iframe, object, embed, form, img, svg:not(.katex svg, .icon), style, link, meta, " +
    "base, video, audio, input, [hx-get], [onerror], [onclick], [onmouseover], [onfocus]";
  return prose.flatMap(part => [...part.querySelectorAll(bad)])
    .filter(node => !node.closest("button, form.asked, summary, .row-menu, label"))
    .map(node => node.outerHTML.slice(0, 120));
}"""

FILL = """
import json
from django.utils import timezone
from accounts.models import User
from chats.models import Chat, Message
given = json.load(open({path!r}))
user = User.objects.get(pk={user})
user.name = given["tags"][4][:100]
user.save()
made = []
texts = given["markdown"]
for at in range(0, len(texts), 30):
    title = given["titles"][at // 30 % len(given["titles"])]
    chat, last = Chat.objects.create(user=user, title=title[:100], updated_at=timezone.now()), None
    for n, text in enumerate(texts[at:at + 30]):
        tag, address = given["tags"][n], given["schemes"][n % len(given["schemes"])]
        last = Message.objects.create(chat=chat, author=user, parent=last, role="user", content=text)
        last = Message.objects.create(
            chat=chat, author=user, parent=last, role="assistant", content=text + "\\n\\n[1] [2]",
            thinking=tag, model_name=tag[:100], status="complete",
            sources=[{{"n": 1, "title": tag, "url": address, "text": tag}},
                     {{"n": 2, "title": tag, "url": "https://a.example/" + tag, "text": tag}}],
        )
    Chat.objects.filter(pk=chat.pk).update(leaf=last)
    made.append(chat.pk)
for n, tag in enumerate(given["tags"]):
    Chat.objects.create(user=user, title=tag[:100], updated_at=timezone.now())
print(json.dumps(made))
"""


@pytest.fixture(scope="module")
def eve(stack: App) -> Person:
    return stack.person("eve")


@pytest.fixture(scope="module")
def chats(stack: App, eve: Person, tmp_path_factory: pytest.TempPathFactory) -> list[int]:
    """Return chats that hold every hostile text as a message, its thoughts, model, sources, title."""
    path = tmp_path_factory.mktemp("xss") / "vectors.json"
    given = {"markdown": markdown(), "tags": TAGS, "titles": TAGS, "schemes": SCHEMES}
    path.write_text(json.dumps(given))
    told = stack.manage("shell", "--no-imports", "-c", FILL.format(path=str(path), user=eve.pk))
    return list(json.loads(told.splitlines()[-1]))


class Wired:
    """Somebody's browser with a tripwire."""

    def __init__(self, visit: Visit) -> None:
        self.visit, self.page = visit, visit.page
        self.fired: list[str] = []
        self.page.add_init_script(TRIPWIRE)
        self.page.on("dialog", self._dialog)
        self.page.on("request", self._request)
        self.page.on("framenavigated", lambda frame: self._seen(frame.url))

    def _dialog(self, dialog: object) -> None:
        self.fired.append(f"dialog {dialog}")

    def _request(self, request: object) -> None:
        self._seen(getattr(request, "url", ""))

    def _seen(self, url: str) -> None:
        if not url.startswith((self.visit.url, "data:image/", "blob:", "about:blank")):
            self.fired.append(url)

    def check(self) -> None:
        """Provoke what there is and fail if anything happened."""
        addresses = self.page.evaluate(PROVOKE)
        forged = self.page.evaluate(FORGED)
        self.page.wait_for_timeout(50)
        assert (addresses, forged, self.page.evaluate("trips"), self.fired) == ([], [], [], [])


@pytest.fixture
def wired(visiting: Visiting, eve: Person) -> Wired:
    return Wired(visiting(eve))


def test_there_are_enough_of_them() -> None:
    assert len(set(markdown())) >= 200


def test_no_message_title_name_or_source_runs_anything(wired: Wired, chats: list[int]) -> None:
    for chat in chats:
        wired.visit.open(f"/chats/{chat}/")
        expect(wired.page.locator("chat-message").last).to_be_attached()
        wired.check()


def test_no_streamed_text_runs_anything(wired: Wired) -> None:
    wired.visit.open()
    stream(wired.page, markdown())
    wired.check()


def stream(page: Page, texts: list[str]) -> None:
    """Let all texts grow in the page, letter by letter at their beginning."""
    page.evaluate(
        """async texts => {
      const { StreamingMarkdown } = await import("/static/js/markdown.js");
      const turns = document.querySelector("chat-log");
      for (const text of texts) {
        const prose = document.createElement("div");
        prose.className = "prose";
        turns.append(prose);
        const shown = new StreamingMarkdown(prose);
        shown.cite([{ n: 1, title: text, url: "https://a.example/" }]);
        for (let cut = 1; cut < text.length; cut += 7) shown.update(text.slice(0, cut));
        shown.update(`${text}\\n\\n[1]`);
      }
    }""",
        texts,
    )


@pytest.mark.parametrize(
    "path", ["/", "/search/?q=script", "/search/?q=img+onerror", "/accounts/", "/pictures/"]
)
def test_no_page_that_lists_them_runs_anything(wired: Wired, chats: list[int], path: str) -> None:
    wired.visit.expect_trouble("404")
    wired.visit.open(path)
    wired.check()


@pytest.mark.parametrize("query", TAGS[:6])
def test_what_is_searched_for_runs_nothing(wired: Wired, chats: list[int], query: str) -> None:
    wired.visit.open("/search/")
    wired.page.goto(f"{wired.visit.url}/search/?q={query.replace('=', '%3D').replace(' ', '+')}")
    wired.check()


def test_no_import_brings_anything_that_runs(wired: Wired, chats: list[int], tmp_path: Path) -> None:
    exported = wired.page.request.get(f"{wired.visit.url}/chats/{chats[0]}/export/?format=json").json()
    wired.visit.expect_trouble("400")  # a source may only lead to the web
    bring(wired, exported, tmp_path)
    expect(wired.page.locator("main")).to_contain_text("sources[0].url")
    wired.check()
    for message in exported["chats"][0]["messages"]:
        message["sources"] = message["sources"][1:]
    bring(wired, exported, tmp_path)
    wired.page.wait_for_url("**/chats/*/")
    expect(wired.page.locator("chat-message").last).to_be_attached()
    wired.check()


def bring(wired: Wired, exported: object, folder: Path) -> None:
    """Import a file with a name that is hostile, too."""
    path = folder / "<img src=x onerror=tripped()>.json"
    path.write_text(json.dumps(exported))
    wired.visit.open("/chats/export/")
    wired.page.get_by_label("File").set_input_files(path)
    wired.page.get_by_role("button", name="Import").click()
    wired.page.wait_for_load_state()


def test_the_tripwire_is_tight(wired: Wired) -> None:
    wired.visit.open()
    wired.page.evaluate("alert(1), tripped()")
    wired.page.evaluate("""() => {
      const hostile = document.createElement("p");
      hostile.className = "prose";
      hostile.append(document.createElement("iframe"));
      document.body.append(hostile);
    }""")
    assert wired.page.evaluate("trips") == ["alert", "tripped"]
    assert len(wired.page.evaluate(FORGED)) == 1


LEADING = [
    "javascript:x",
    "data:image/svg+xml,<svg>",
    "//evil.example/x",
    "/\\evil.example",
    "\x01javascript:x",
]


def test_the_tripwire_sees_where_any_link_leads_in_formulas_too(wired: Wired) -> None:
    wired.visit.open()
    assert wired.page.evaluate(PROVOKE) == []
    wired.page.evaluate(
        """addresses => {
      const formula = document.createElement("p");
      formula.className = "katex";
      for (const address of [...addresses, "https://a.example", "/chats/", "#fn-m1-1"]) {
        const link = document.createElement("a");
        link.setAttribute("href", address);
        formula.append(link);
      }
      document.body.append(formula);
    }""",
        LEADING,
    )
    assert wired.page.evaluate(PROVOKE) == LEADING
