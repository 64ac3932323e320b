// <gpu-status>: the card's chip. One follower keeps all chips of the page fresh and opens the panel.
import { flash } from "./flashes.js";
import { getPage, postPage } from "./http.js";
import { live, pageMade } from "./live.js";
import { localise } from "./times.js";
import { say } from "./words.js";
import "./vram-chart.js";

const SOON = 1000; // ms between two looks while somebody here waits or reads the panel
const LATER = 4000; // ms else

let lastLook = 0;
let timer = 0;
let stale = false;
let following = false;

class GpuStatus extends HTMLElement {
  connectedCallback() {
    localise(this);
    this.addEventListener("click", (event) => this.#open(event));
    follow();
  }

  #open(event) {
    if (event.ctrlKey || event.metaKey || event.shiftKey || !event.target.closest(".chip")) return;
    event.preventDefault();
    openPanel(this);
  }
}

customElements.define("gpu-status", GpuStatus);

function follow() {
  if (following) return;
  following = true;
  live.follow("card", 0, (frame) => {
    if (frame.type === "vram") document.dispatchEvent(new CustomEvent("vram-changed"));
    plan();
  }, { after: pageMade });
  document.addEventListener("visibilitychange", () => !document.hidden && stale && plan());
  tell();
}

function plan() {
  stale = true;
  if (timer || document.hidden) return;
  const waits = document.querySelector('gpu-status [data-mine], state-line[data-code="queued"]') || panel()?.open;
  timer = setTimeout(look, Math.max(50, lastLook + (waits ? SOON : LATER) - Date.now()));
}

async function look() {
  lastLook = Date.now();
  stale = false;
  try {
    await Promise.all([refreshChips(), panel()?.open && refreshPanel()]);
  } catch {
    // the next event, or the person, brings it up to date
  } finally {
    timer = 0;
    if (stale) plan();
  }
}

async function refreshChips() {
  const elements = [...document.querySelectorAll("gpu-status")];
  const page = await getPage(elements[0].dataset.chip);
  const fresh = page.querySelector(".chip");
  for (const element of elements) {
    const focused = element.contains(document.activeElement);
    element.replaceChildren(document.importNode(fresh, true));
    localise(element);
    if (focused) element.querySelector(".chip").focus({ preventScroll: true });
  }
  tell();
}

/** The answers of this page that wait in line hear where they are. */
function tell() {
  const chip = document.querySelector("gpu-status .chip");
  const mine = [...(chip?.querySelectorAll("[data-mine]") ?? [])].map(({ dataset }) => ({ ...dataset }));
  const detail = { mine, standsStill: Boolean(chip?.dataset.standsStill) };
  document.dispatchEvent(new CustomEvent("card-shown", { detail }));
}

function panel() {
  return document.querySelector("dialog.card-dialog");
}

async function openPanel(element) {
  const dialog = panel() ?? makePanel(element);
  dialog.showModal();
  try {
    await refreshPanel();
  } catch (error) {
    dialog.close();
    flash(error.message);
  }
}

function makePanel(element) {
  const dialog = document.createElement("dialog");
  dialog.className = "card-dialog";
  Object.assign(dialog.dataset, { panel: element.dataset.panel, history: element.dataset.history });
  dialog.setAttribute("aria-label", say("card_panel"));
  const close = document.createElement("button");
  close.type = "button";
  close.className = "close-button";
  close.setAttribute("aria-label", say("close"));
  close.textContent = "×";
  close.addEventListener("click", () => dialog.close());
  const body = document.createElement("div");
  body.className = "card-body";
  dialog.append(close, body);
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  dialog.addEventListener("submit", (event) => act(event, dialog));
  dialog.addEventListener("toggle", () => stale && plan(), true);
  document.body.append(dialog);
  return dialog;
}

async function refreshPanel() {
  const dialog = panel();
  if (dialog.querySelector("details[open]")) {
    stale = true; // nobody's half-filled form is swept away
    return;
  }
  show(dialog, await getPage(dialog.dataset.panel));
}

function show(dialog, page) {
  const body = dialog.querySelector(".card-body");
  const { scrollTop } = dialog;
  body.replaceChildren(document.importNode(page.querySelector(".card-panel"), true));
  localise(body);
  dialog.scrollTop = scrollTop;
}

async function act(event, dialog) {
  event.preventDefault();
  const form = event.target;
  try {
    show(dialog, await postPage(form.action, new FormData(form, event.submitter)));
    plan();
  } catch (error) {
    flash(error.message);
  }
}
