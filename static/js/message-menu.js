// What can be done to one message: the menu behind "more", editing in place, branches.
import { copyText } from "./copying.js";
import { flash } from "./flashes.js";
import { readable } from "./formulas.js";
import { post } from "./http.js";
import { newId } from "./ids.js";
import { putBeside } from "./placing.js";
import { keep, recall } from "./storage.js";
import { say } from "./words.js";

export class MessageMenu {
  #log;
  #menu = document.getElementById("message-menu");
  #message = null;
  #opener = null;

  /** `log` is the conversation: it has `sync()` and `base`, the address of its messages. */
  constructor(log) {
    this.#log = log;
    log.addEventListener("click", (event) => this.#clicked(event));
    this.#menu.addEventListener("click", ({ target }) => this.#chosen(target.closest("[data-do]")));
    this.#menu.addEventListener("keydown", (event) => this.#pressed(event));
    this.#menu.addEventListener("toggle", ({ newState }) => {
      if (newState === "closed") this.#opener?.focus({ preventScroll: true });
    });
    this.#again = this.#menu.querySelector('[data-do="again"]');
    this.#againWords = this.#again.textContent;
  }

  #again;
  #againWords;

  /** Opens the editor again on words that were not saved before this page was left. */
  reopen(message) {
    const words = recall(kept(message));
    if (words && message.querySelector("template.source")) this.#openEditor(message, words);
  }

  #clicked(event) {
    const more = event.target.closest("[data-more]");
    const edit = event.target.closest("[data-edit]");
    const branch = event.target.closest("[data-branch]");
    if (more) {
      event.preventDefault();
      this.#open(more);
    } else if (edit) {
      this.#edit(edit.closest("chat-message"));
    } else if (branch?.dataset.branch) {
      this.#do(branch.dataset.branch, "branch");
    }
  }

  #open(opener) {
    this.#opener = opener;
    this.#message = opener.closest("chat-message");
    const { role, kind } = this.#message.dataset;
    const answers = role === "assistant" && kind === "answer";
    this.#show("edit", kind !== "picture" && Boolean(this.#source));
    this.#show("copy", Boolean(this.#source));
    this.#show("copy-text", Boolean(this.#source));
    this.#show("again", answers && "again" in this.#message.dataset && Boolean(chosenModel()));
    this.#again.textContent = this.#againWords.replace("{model}", chosenLabel());
    this.#menu.showPopover();
    putBeside(this.#menu, opener.getBoundingClientRect());
    this.#items[0]?.focus();
  }

  #show(name, shown) {
    this.#menu.querySelector(`[data-do="${name}"]`).hidden = !shown;
  }

  get #items() {
    return [...this.#menu.querySelectorAll("[data-do]:not([hidden])")];
  }

  get #source() {
    return this.#message.querySelector("template.source")?.content.textContent ?? "";
  }

  #pressed(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const items = this.#items;
    const at = items.indexOf(document.activeElement);
    items[(at + step + items.length) % items.length].focus();
  }

  #chosen(item) {
    if (!item) return;
    const message = this.#message;
    const source = this.#source;
    this.#menu.hidePopover();
    const { id } = message.dataset;
    const acts = {
      edit: () => this.#edit(message),
      copy: () => this.#copy(source),
      "copy-text": () => this.#copy(readable(message.querySelector(".prose").cloneNode(true))),
      again: () => this.#do(id, "again", { model: chosenModel() }),
      fork: () => this.#do(id, "fork"),
      delete: () => this.#delete(id),
    };
    acts[item.dataset.do]();
  }

  async #copy(text) {
    flash(say((await copyText(text)) ? "copied" : "not_copied"));
  }

  async #delete(id) {
    if (!(await this.#do(id, "delete"))) return;
    flash(say("message_deleted"), { label: say("undo"), act: () => this.#do(id, "restore") });
  }

  #edit(message) {
    if (message.querySelector(".editor")) return;
    const text = this.#openEditor(message, message.querySelector("template.source").content.textContent);
    text.focus();
    text.setSelectionRange(text.value.length, text.value.length);
  }

  /** Returns the field. Its words outlive the page until they are saved, or given up. */
  #openEditor(message, words) {
    const form = document.getElementById("message-editor").content.firstElementChild.cloneNode(true);
    const shown = message.querySelector(".bubble") ?? message.querySelector(".prose");
    const text = form.elements.content;
    text.value = words;
    if (!canResend(message)) form.querySelector('[data-save="resend"]').remove();
    const close = () => {
      keep(kept(message), "");
      form.remove();
      message.classList.remove("editing");
      message.querySelector("[data-more]")?.focus({ preventScroll: true });
    };
    const cancel = () => {
      close();
      this.#log.sync(); // what happened to the message meanwhile was held back
    };
    form.querySelector("[data-cancel]").addEventListener("click", cancel);
    form.addEventListener("input", () => keep(kept(message), text.value));
    form.addEventListener("keydown", (event) => keyed(event, form, cancel));
    form.addEventListener("submit", (event) => this.#save(event, message, close));
    message.classList.add("editing");
    shown.after(form);
    return text;
  }

  async #save(event, message, close) {
    event.preventDefault();
    const form = event.target;
    const how = event.submitter?.dataset.save ?? form.querySelector("[data-save]").dataset.save;
    form.dataset.id ||= newId(); // sent twice, it is one message all the same
    const said = { content: form.elements.content.value, model: chosenModel(), client_id: form.dataset.id };
    for (const button of form.querySelectorAll("[data-save]")) button.disabled = true;
    if (await this.#do(message.dataset.id, how, said, close)) return;
    for (const button of form.querySelectorAll("[data-save]")) button.disabled = false;
  }

  /** Does it, shows the thread as it then is, and tells whether it worked. */
  async #do(id, what, values = {}, done = () => {}) {
    const body = new FormData();
    for (const [name, value] of Object.entries(values)) body.set(name, value);
    try {
      const told = await post(this.#log.dataset.messageUrl.replace(/\/0\/$/, `/${id}/${what}/`), body);
      done();
      if (what === "fork") location.assign(told.url);
      else await this.#log.sync({ toEnd: what === "again" || what === "resend" });
      return true;
    } catch (error) {
      flash(error.message);
      return false;
    }
  }
}

function keyed(event, form, cancel) {
  if (event.key === "Escape") {
    event.preventDefault();
    event.stopPropagation();
    cancel();
  } else if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    form.requestSubmit(form.querySelector("[data-save]"));
  }
}

/** A wish for a picture is no question: another picture is ordered below that one. */
function canResend(message) {
  return message.dataset.role === "user" && message.nextElementSibling?.dataset.kind !== "picture";
}

/** Under what name the words of a message's editor are kept. */
function kept(message) {
  return `edit:${message.dataset.id}`;
}

function chosenModel() {
  return document.querySelector("model-picker input:checked")?.value ?? "";
}

function chosenLabel() {
  return document.querySelector("model-picker input:checked")?.dataset.label ?? chosenModel();
}
