// The gallery's page: the sidebar around the tiles, and the viewer over them.
import "./chat-list.js";
import "./picture-gallery.js";
import "./picture-viewer.js";
import "./gpu-status.js";
import { copyFrom } from "./copying.js";
import { wireShell } from "./shell.js";

document.addEventListener("click", ({ target }) => {
  const copy = target.closest("[data-copy]");
  if (copy) copyFrom(copy, copy.dataset.copy);
});
wireShell();
