// One sentence at the top of the page that goes by itself.
const SHOWN = 8000; // ms

/** Says a sentence; with an `offer` ({label, act}) there is a button to it. */
export function flash(sentence, offer = null) {
  const line = document.createElement("li");
  line.textContent = sentence;
  if (offer) line.append(" ", button(offer, line));
  list().append(line);
  setTimeout(() => line.remove(), SHOWN);
}

function list() {
  const open = [...document.querySelectorAll("dialog[open]")].at(-1) ?? document.body; // a dialog covers the page
  let found = open.querySelector(":scope > .flashes");
  if (!found) {
    found = document.createElement("ul");
    found.className = "flashes";
    found.setAttribute("role", "status");
    open.append(found);
  }
  return found;
}

function button({ label, act }, line) {
  const made = document.createElement("button");
  made.type = "button";
  made.className = "button small";
  made.textContent = label;
  made.addEventListener("click", () => {
    line.remove();
    act();
  });
  return made;
}
