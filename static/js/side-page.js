// A page that has the sidebar and nothing of its own to wire.
import "./chat-list.js";
import "./chat-many.js";
import "./gpu-status.js";
import { wireShell } from "./shell.js";
import { localise } from "./times.js";

wireShell();
localise(document.getElementById("main"));
