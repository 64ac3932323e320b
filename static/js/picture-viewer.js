// A picture over the whole window: arrows or a swipe go on, Escape goes back. The server says what it is.
import { flash } from "./flashes.js";
import { getPage, post } from "./http.js";
import { offerUndo } from "./picture-gallery.js";
import { say } from "./words.js";

const SWIPE = 60; // pixels

let dialog = null;
let links = [];
let at = -1;
let asked = 0;

document.addEventListener("click", (event) => {
  if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  const link = event.target.closest("a[data-view]");
  if (!link) return;
  event.preventDefault();
  open(link);
});

function open(link) {
  links = [...document.querySelectorAll("a[data-view]")];
  dialog ??= makeDialog();
  if (!dialog.open) dialog.showModal();
  show(links.indexOf(link));
}

function makeDialog() {
  const made = document.createElement("dialog");
  made.className = "viewer";
  made.setAttribute("aria-label", say("picture"));
  made.append(button("close", "×", () => made.close()), button("previous", "‹", () => go(-1)),
    button("next", "›", () => go(1)), Object.assign(document.createElement("div"), { className: "viewer-stage" }));
  made.addEventListener("keydown", pressed);
  made.addEventListener("click", clicked);
  made.addEventListener("submit", submitted);
  made.addEventListener("close", () => links[at]?.focus());
  wireSwipes(made);
  document.body.append(made);
  return made;
}

function button(name, sign, act) {
  const made = Object.assign(document.createElement("button"), { type: "button", className: `viewer-${name}`, textContent: sign });
  made.setAttribute("aria-label", say(name));
  made.addEventListener("click", act);
  return made;
}

function pressed(event) {
  if (event.target.matches("textarea, input")) return;
  if (event.key === "ArrowLeft") go(-1);
  else if (event.key === "ArrowRight") go(1);
  else return;
  event.preventDefault();
}

/** Goes to a neighbour; more tiles may have come meanwhile. */
function go(step) {
  const here = links[at];
  links = [...document.querySelectorAll("a[data-view]")];
  at = links.indexOf(here);
  if (links[at + step]) show(at + step);
  if (at + step >= links.length - 2) document.querySelector(".tiles-more")?.scrollIntoView();
}

function show(index) {
  at = index;
  dialog.querySelector(".viewer-previous").hidden = at <= 0;
  dialog.querySelector(".viewer-next").hidden = at >= links.length - 1;
  return load(links[at].href);
}

async function load(url) {
  const mine = ++asked;
  const stage = dialog.querySelector(".viewer-stage");
  stage.setAttribute("aria-busy", "true");
  try {
    const page = await getPage(url);
    if (mine !== asked) return; // somebody has gone on meanwhile
    stage.replaceChildren(document.importNode(page.querySelector(".viewed"), true));
  } catch (error) {
    dialog.close();
    flash(error.message);
  } finally {
    stage.removeAttribute("aria-busy");
  }
}

function clicked(event) {
  const variant = event.target.closest("[data-variant-link]");
  if (variant && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    load(variant.href);
  }
  const source = event.target.closest("[data-use-source]");
  if (source && useHere(source.closest(".viewed"))) event.preventDefault();
  if (event.target.closest("[data-to-chat]")) dialog.close();
  if (event.target === dialog) dialog.close();
}

/** Answers whether there was a composer here that took the picture. */
function useHere(viewed) {
  const composer = document.querySelector("chat-composer");
  if (!composer?.use) return false;
  dialog.close();
  const { image, source, thumb } = viewed.dataset;
  composer.use({ image: Number(image ?? 0), source: Number(source ?? 0), url: thumb, name: "" });
  return true;
}

async function submitted(event) {
  const form = event.target.closest("form[data-view-action]");
  if (!form) return;
  event.preventDefault();
  const submits = form.querySelector("button");
  submits.disabled = true;
  try {
    const told = await post(form.action, new FormData(form));
    await after(form.dataset.viewAction, told, form.closest(".viewed"));
  } catch (error) {
    flash(error.message);
  } finally {
    submits.disabled = false;
  }
}

async function after(action, told, viewed) {
  if (action === "choose") {
    document.dispatchEvent(new CustomEvent("picture-chosen", { detail: { job: viewed.dataset.job } }));
    await load(`/pictures/variants/${viewed.dataset.image}/`);
  } else if (action === "order") {
    ordered(told);
  } else {
    dialog.close();
    document.dispatchEvent(new CustomEvent("picture-changed", { detail: { job: viewed.dataset.job } }));
    removed(told, viewed);
  }
}

function ordered(told) {
  const log = document.querySelector("chat-log");
  if (log?.dataset.chat !== String(told.chat)) {
    location.assign(told.url);
    return;
  }
  dialog.close();
  log.append(told.html);
}

/** A tile goes with its last variant; a card in a chat fetches itself anew. */
function removed(told, viewed) {
  const last = viewed.querySelectorAll("[data-variant-link]").length < 2;
  if (document.querySelector("picture-gallery")) {
    const jobs = last ? [viewed.dataset.job] : [];
    document.dispatchEvent(new CustomEvent("pictures-deleted", { detail: { ...told, jobs } }));
  } else {
    offerUndo(told.sentence, told.images);
  }
}

function wireSwipes(made) {
  let start = null;
  made.addEventListener("touchstart", ({ touches, target }) => {
    start = touches.length === 1 && target.closest("figure") ? touches[0] : null;
  }, { passive: true });
  made.addEventListener("touchend", ({ changedTouches }) => {
    if (!start) return;
    const [dx, dy] = [changedTouches[0].clientX - start.clientX, changedTouches[0].clientY - start.clientY];
    start = null;
    if (dy > 2 * SWIPE && dy > Math.abs(dx)) made.close();
    else if (Math.abs(dx) > SWIPE && Math.abs(dx) > Math.abs(dy)) go(dx < 0 ? 1 : -1);
  }, { passive: true });
}
