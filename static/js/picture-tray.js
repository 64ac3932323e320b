// <picture-tray>: pictures that go along with a message, for a model that sees; it says so when the model can't.
// While the picture tool is on, pictures go there instead, and this one is out of the way.
import { picturesIn, sendPicture } from "./picture-source.js";
import "./picture-tool.js";
import { keep, recall } from "./storage.js";
import { number, say } from "./words.js";

const OFFERED = 4; // models that see, at most

class PictureTray extends HTMLElement {
  #sending = Promise.resolve();
  #drew = false;

  connectedCallback() {
    this.composer = this.closest("chat-composer");
    this.tool = this.composer.querySelector("picture-tool");
    this.list = this.querySelector(".tray");
    this.composer.querySelector("#composer").prepend(this.list); // the notice stays outside: it has a form of its own
    this.notice = this.querySelector(".blind");
    this.attach = this.composer.querySelector(".attach");
    this.attach.addEventListener("change", (event) => this.#picked(event));
    this.list.addEventListener("click", (event) => this.#clicked(event));
    this.querySelector("[data-as-source]").addEventListener("click", () => this.#give());
    this.composer.addEventListener("picture-tool", () => this.#toolTurned());
    document.addEventListener("change", ({ target }) => target.closest("model-picker") && this.#judge());
    document.body.addEventListener("htmx:afterSwap", () => this.#judge());
    document.addEventListener("dragover", (event) => this.#dragged(event));
    document.addEventListener("dragleave", (event) => !event.relatedTarget && this.#hover(false));
    document.addEventListener("drop", (event) => this.#dropped(event));
    document.addEventListener("paste", (event) => this.#pasted(event));
    this.#remember();
    this.#judge();
  }

  /** How many pictures are here, on their way or not. */
  get count() {
    return this.list.childElementCount;
  }

  /** While a picture is on its way, nothing is sent without it. */
  get busy() {
    return Boolean(this.list.querySelector(".sending"));
  }

  clear() {
    this.list.replaceChildren();
    this.#changed("");
  }

  /** Answers whether the chosen model can't see what is here, and then shows what can be done. */
  insist() {
    if (this.notice.hidden) return false;
    this.notice.scrollIntoView({ block: "nearest" });
    this.notice.querySelector("button:not([hidden])")?.focus();
    return true;
  }

  get #draws() {
    return Boolean(this.tool?.draws);
  }

  // Pictures that come in

  #picked({ target }) {
    const files = [...target.files];
    target.value = "";
    this.#add(files);
  }

  #dragged(event) {
    if (this.#draws || !event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    this.#hover(true);
  }

  #dropped(event) {
    if (this.#draws || !event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    this.#hover(false);
    const files = picturesIn(event.dataTransfer.files);
    if (files.length) this.#add(files);
    else this.#changed(say("no_picture"));
  }

  /** What a word processor copies is a picture too, but its words are meant. */
  #pasted(event) {
    if (this.#draws || event.target.closest?.("dialog, chat-message")) return;
    const files = picturesIn(event.clipboardData?.files);
    if (!files.length || event.clipboardData.getData("text/plain")) return;
    event.preventDefault();
    this.#add(files);
  }

  #hover(on) {
    this.composer.classList.toggle("dropping", on);
  }

  #add(files) {
    const most = Number(this.dataset.most);
    const taken = files.slice(0, Math.max(0, most - this.count));
    for (const file of taken) {
      const item = this.#place({ url: URL.createObjectURL(file), name: file.name });
      item.classList.add("sending");
      // One after another: a phone has no memory for four large photos at once.
      this.#sending = this.#sending.then(() => this.#send(file, item));
    }
    this.#changed(taken.length < files.length ? say("most_pictures", { n: number(most) }) : "");
  }

  async #send(file, item) {
    if (!item.isConnected) return;
    let sentence;
    try {
      this.#kept(item, await sendPicture(this.dataset.upload, file));
    } catch (error) {
      item.remove();
      sentence = error.message;
    }
    this.#changed(sentence);
  }

  #kept(item, { source_id: id, thumb_url: url, name }) {
    item.classList.remove("sending");
    if (this.#items().some((other) => other.id === id)) {
      item.remove();
      return;
    }
    URL.revokeObjectURL(item.querySelector("img").src);
    this.#fill(item, { id, url, name });
    document.querySelector(".announcer").textContent = say("picture_added", { name });
  }

  #place({ id = 0, url, name }) {
    const item = this.querySelector("[data-item]").content.firstElementChild.cloneNode(true);
    this.list.append(item);
    this.#fill(item, { id, url, name });
    return item;
  }

  #fill(item, { id, url, name }) {
    const picture = item.querySelector("img");
    picture.alt = item.title = name;
    picture.src = url;
    item.querySelector("input").value = id || "";
    item.querySelector("input").disabled = !id;
  }

  #clicked({ target }) {
    const item = target.closest("button")?.closest("li");
    if (!item) return;
    const next = item.nextElementSibling ?? item.previousElementSibling;
    item.remove();
    this.#changed("");
    (next?.querySelector("button") ?? this.composer.text).focus();
  }

  // What stays over a reload

  get #name() {
    const { user, chat } = this.composer.dataset;
    return `pictures:${user}:${chat ?? "new"}`;
  }

  /** Returns what the server has of these pictures. */
  #items() {
    const items = [...this.list.querySelectorAll("li:not(.sending)")];
    return items.filter((item) => item.querySelector("input").value).map((item) => {
      const { src, alt } = item.querySelector("img");
      return { id: Number(item.querySelector("input").value), url: new URL(src).pathname, name: alt, item };
    });
  }

  /** One that is not on the server any more goes again. */
  #remember() {
    for (const picture of stored(this.#name)) {
      const item = this.#place(picture);
      item.querySelector("img").addEventListener("error", () => {
        item.remove();
        this.#changed();
      });
    }
  }

  /** `sentence` is what to say: "" takes back what was said, without one it stays. */
  #changed(sentence) {
    const items = this.#items().map(({ id, url, name }) => ({ id, url, name }));
    keep(this.#name, items.length ? JSON.stringify(items) : "");
    this.#judge();
    this.dispatchEvent(new CustomEvent("picture-tray", { bubbles: true, detail: { sentence } }));
  }

  // The model, and the other tool

  #judge() {
    const chosen = document.querySelector("model-picker input[name=model]:checked");
    this.attach.hidden = this.#draws;
    this.list.hidden = this.#draws || !this.count;
    const blind = !this.list.hidden && Boolean(chosen) && !("sees" in chosen.dataset);
    if (blind) this.#explain(labelOf(chosen));
    this.notice.hidden = !blind;
  }

  #explain(model) {
    const inputs = document.querySelectorAll("model-picker input[name=model][data-sees]");
    const seeing = [...inputs].slice(0, OFFERED);
    const sentence = say(seeing.length ? "blind" : "blind_none", { model });
    const shown = this.notice.querySelector("[data-sentence]");
    if (shown.textContent !== sentence) shown.textContent = sentence;
    const offered = this.notice.querySelector(".blind-models");
    const names = seeing.map(labelOf).join();
    const present = [...offered.children].map((button) => button.textContent).join();
    // The same buttons stay: one of them may have the focus.
    if (present !== names) offered.replaceChildren(...seeing.map(offer));
    this.#offerDownload(!seeing.length);
    this.notice.querySelector("[data-as-source]").hidden = !this.tool || Boolean(this.tool.querySelector(".picture-missing"));
  }

  #offerDownload(wanted) {
    const there = this.notice.querySelector("[data-added]");
    if (!wanted) there?.remove();
    if (!wanted || there) return;
    const added = document.importNode(this.querySelector("[data-no-model]").content.firstElementChild, true);
    added.dataset.added = "";
    this.notice.querySelector(".blind-models").after(added);
  }

  /** A picture that was put here before the tool was turned on is what the tool shall change. */
  #toolTurned() {
    const turnedOn = this.#draws && !this.#drew;
    this.#drew = this.#draws;
    if (turnedOn && !this.tool.holds) this.#give();
    this.#judge();
  }

  #give() {
    const [first] = this.#items();
    if (!first) return;
    first.item.remove();
    this.tool.use({ source: first.id, url: first.url, name: first.name });
    this.#changed();
  }
}

function stored(name) {
  try {
    return JSON.parse(recall(name) || "[]");
  } catch {
    return [];
  }
}

function labelOf(input) {
  return input.dataset.label ?? input.value;
}

/** Returns a button that chooses a model in the picker. */
function offer(input) {
  const made = Object.assign(document.createElement("button"), { type: "button", className: "button small", textContent: labelOf(input) });
  const model = input.value;
  made.addEventListener("click", () => {
    const found = [...document.querySelectorAll("model-picker input[name=model]")].find(({ value }) => value === model);
    if (!found) return;
    found.checked = true;
    found.dispatchEvent(new Event("change", { bubbles: true }));
    document.getElementById("content").focus();
  });
  return made;
}

customElements.define("picture-tray", PictureTray);
