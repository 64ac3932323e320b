// <chat-composer>: what the person writes. It stays in this browser until the server has it.
import { RequestError, post } from "./http.js";
import { newId } from "./ids.js";
import { keep, recall } from "./storage.js";
import { say } from "./words.js";
import "./picture-tool.js";
import "./picture-tray.js";

const SAVED_AFTER = 1000; // ms after the last letter
const touch = matchMedia("(pointer: coarse)");

class ChatComposer extends HTMLElement {
  #sending = false;
  #running = false;
  #saving = 0;
  #saved = Promise.resolve(); // when the draft that is on its way has arrived, or has not
  #attempt = { id: "", sent: "" };

  connectedCallback() {
    this.form = this.querySelector("#composer");
    this.text = this.querySelector("textarea");
    this.trouble = this.querySelector(".composer-error");
    this.sendButton = this.querySelector("[data-send]");
    this.stopButton = this.querySelector("[data-stop]");
    this.#recallDraft();
    this.#recallSwitches();
    this.text.addEventListener("input", () => this.#typed());
    this.text.addEventListener("keydown", (event) => this.#pressed(event));
    this.form.addEventListener("submit", (event) => this.#submitted(event));
    this.stopButton.addEventListener("click", () => this.log.stop());
    this.picture = this.querySelector("picture-tool");
    this.tray = this.querySelector("picture-tray");
    this.addEventListener("picture-tray", ({ detail }) => this.#trayChanged(detail.sentence));
    this.#trayChanged();
    this.addEventListener("picture-tool", ({ detail }) => this.#pictureChanged(detail.sentence));
    addEventListener("storage", (event) => this.#changedInAnotherTab(event));
    document.addEventListener("running-changed", (event) => this.#runningChanged(event.detail.running));
    this.#runningChanged(Boolean(this.log.running));
    this.#fit();
    if (!touch.matches) this.text.focus({ preventScroll: true });
  }

  get log() {
    return document.querySelector("chat-log");
  }

  /** Puts words into the field, as if they had been typed. */
  fill(words) {
    this.text.value = words;
    this.#typed();
    this.text.focus();
  }

  /** What has just been sent from elsewhere is a draft no more; what was sent from here is taken care of. */
  forget(words) {
    if (this.#attempt.id || this.text.value.trim() !== words) return;
    this.#forgetDraft();
    this.#follow("");
  }

  /** Takes a picture to start from: {source | image, url, name}. */
  use(picture) {
    this.picture?.use(picture);
    this.text.focus();
  }

  get #draws() {
    return Boolean(this.picture?.draws);
  }

  /** How many pictures go along with the words. */
  get #along() {
    return this.#draws ? 0 : (this.tray?.count ?? 0);
  }

  #trayChanged(sentence) {
    this.text.required = !this.#along;
    if (sentence !== undefined) this.#tell(sentence);
  }

  #pictureChanged(sentence) {
    this.text.required = !this.#along;
    this.text.placeholder = this.#draws ? say("describe_picture") : say("message");
    this.#runningChanged(this.#running);
    this.#tell(sentence);
    if (!touch.matches) this.text.focus();
  }

  /** What was typed here and has not reached the server goes before what came from another device. */
  #recallDraft() {
    const typed = recall(this.#draft);
    const saved = recall(`${this.#draft}:saved`);
    if (typed === saved) this.#takeOver(this.text.value);
    else this.text.value = typed;
    if (typed !== saved) this.#saveSoon();
  }

  /** What the server has is what it had last from here, too: only what is typed from now on goes before it. */
  #takeOver(draft) {
    keep(this.#draft, draft);
    keep(`${this.#draft}:saved`, draft);
  }

  /** Tabs of one browser have one draft: who has not written anything else sees it grow. */
  #changedInAnotherTab({ key, oldValue, newValue }) {
    if (key === this.#draft && this.text.value === (oldValue ?? "")) this.#follow(newValue ?? "");
  }

  #forgetDraft() {
    clearTimeout(this.#saving);
    keep(this.#draft, "");
    keep(`${this.#draft}:saved`, "");
  }

  #follow(draft) {
    clearTimeout(this.#saving);
    this.text.value = draft;
    this.#fit();
  }

  /** Switches stay as this browser had them last. */
  #recallSwitches() {
    for (const box of this.form.querySelectorAll("[data-keep]")) {
      box.checked = recall(`switch:${box.dataset.keep}`) === "on";
      box.addEventListener("change", () => keep(`switch:${box.dataset.keep}`, box.checked ? "on" : ""));
    }
  }

  #saveSoon() {
    clearTimeout(this.#saving);
    if (this.#sending) return; // nothing may arrive after what is being sent
    this.#saving = setTimeout(() => (this.#saved = this.#saveDraft()), SAVED_AFTER);
  }

  async #saveDraft() {
    const draft = this.text.value;
    const body = new FormData();
    body.set("draft", draft);
    try {
      await post(this.dataset.draft, body);
      keep(`${this.#draft}:saved`, draft);
    } catch {
      // it is kept here, and saved with the next letter
    }
  }

  get #draft() {
    return `draft:${this.dataset.user}:${this.dataset.chat ?? "new"}`;
  }

  #typed() {
    keep(this.#draft, this.text.value);
    this.#saveSoon();
    this.#fit();
    this.#tell(null);
  }

  #fit() {
    if (CSS.supports("field-sizing", "content")) return;
    this.text.style.height = "auto";
    this.text.style.height = `${this.text.scrollHeight}px`;
  }

  #pressed(event) {
    const sends = event.key === "Enter" && !event.shiftKey && !event.isComposing && !touch.matches;
    if (!sends) return;
    event.preventDefault();
    this.#send();
  }

  #submitted(event) {
    event.preventDefault();
    this.#send();
  }

  async #send() {
    const content = this.text.value;
    if ((!content.trim() && !this.#along) || this.#sending) return;
    if (this.#draws ? this.picture.busy : this.tray?.busy) {
      this.#tell(say("picture_on_its_way"));
      return;
    }
    if (this.#running && !this.#draws) {
      this.#tell(say("busy"));
      return;
    }
    if (!this.#draws && this.tray?.insist()) return;
    this.#setSending(true);
    try {
      const url = this.#draws ? this.picture.dataset.order : this.form.action;
      const body = this.#body(url);
      clearTimeout(this.#saving);
      await this.#saved; // else it might arrive last, and be a draft again
      const told = await post(url, body);
      this.#sent(content, told);
    } catch (error) {
      this.#setSending(false);
      if (!(error instanceof RequestError)) throw error;
      this.#tell(error.message, { signIn: error.signedOut });
    }
  }

  /** The same is sent again to the same place under the same id: a lost answer never doubles a message. */
  #body(url) {
    const body = new FormData(this.form);
    const sent = JSON.stringify([url, ...body]);
    if (this.#attempt.sent !== sent) this.#attempt = { id: newId(), sent };
    body.set("client_id", this.#attempt.id);
    if (this.dataset.chat) body.set("chat", this.dataset.chat);
    return body;
  }

  #sent(content, told) {
    this.#attempt = { id: "", sent: "" };
    if (this.#draws) this.picture.clear();
    else this.tray?.clear();
    const { value } = this.text;
    const added = value.startsWith(content) ? value.slice(content.length) : value;
    const isNew = !this.dataset.chat;
    this.#forgetDraft(); // as the server has
    this.dataset.chat = told.chat; // what has been added belongs there
    this.text.value = added;
    keep(this.#draft, added);
    this.#tell(null);
    if (isNew) {
      addEventListener("pageshow", () => location.reload()); // who comes back begins another one
      location.assign(told.url);
      return;
    }
    this.#setSending(false);
    if (added) this.#saveSoon();
    this.log.append(told.html);
    this.#fit();
  }

  #setSending(sending) {
    this.#sending = sending;
    this.sendButton.disabled = sending;
  }

  #runningChanged(running) {
    if (this.#running && !running && this.trouble.textContent === say("busy")) this.#tell(null);
    this.#running = running;
    const hadFocus = [this.sendButton, this.stopButton].includes(document.activeElement);
    const stops = running && !this.#draws;
    this.sendButton.hidden = stops;
    this.stopButton.hidden = !stops;
    if (hadFocus) this.text.focus({ preventScroll: true });
  }

  #tell(sentence, { signIn = false } = {}) {
    this.trouble.hidden = !sentence;
    this.trouble.textContent = sentence ?? "";
    if (!signIn) return;
    const link = document.createElement("a");
    link.href = `${document.getElementById("main").dataset.signin}?next=${encodeURIComponent(location.pathname)}`;
    link.textContent = say("sign_in");
    this.trouble.append(" ", link);
  }
}

customElements.define("chat-composer", ChatComposer);
