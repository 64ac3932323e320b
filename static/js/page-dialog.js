// A link with data-dialog shows the form of its page in a dialog; without scripts it is the page itself.
import { flash } from "./flashes.js";
import { getPage, post } from "./http.js";
import { say } from "./words.js";

export function wireDialogs() {
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-dialog]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    open(link);
  });
}

async function open(link) {
  try {
    const page = await getPage(link.href);
    show(page.querySelector("#main > *"), link);
  } catch (error) {
    flash(error.message);
  }
}

function show(content, link) {
  const dialog = document.createElement("dialog");
  dialog.className = "page-dialog";
  dialog.setAttribute("aria-labelledby", "dialog-title");
  const heading = content.querySelector("h1");
  if (heading) heading.id = "dialog-title";
  dialog.append(content);
  dialog.addEventListener("close", () => {
    dialog.remove();
    link.focus({ preventScroll: true });
  });
  dialog.addEventListener("click", (event) => {
    if (event.target !== dialog && !event.target.closest("[data-close]")) return;
    event.preventDefault();
    dialog.close();
  });
  dialog.querySelector("form")?.addEventListener("submit", (event) => save(event, dialog, link));
  document.body.append(dialog);
  dialog.showModal();
}

async function save(event, dialog, link) {
  event.preventDefault();
  const form = event.target;
  const trouble = form.querySelector(".form-error");
  const button = form.querySelector("[type=submit]");
  button.disabled = true;
  try {
    await post(link.href, new FormData(form));
    dialog.close();
    flash(say("saved"));
    document.dispatchEvent(new CustomEvent("thread-changed"));
  } catch (error) {
    button.disabled = false;
    trouble.hidden = false;
    trouble.textContent = error.message;
    trouble.scrollIntoView({ block: "nearest" });
  }
}
