// <vram-chart>: the card's memory over the last minutes, drawn as an SVG from the server's numbers.
import { getJson } from "./http.js";
import { number } from "./words.js";

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 320;
const HEIGHT = 64;
const SECONDS = 900;
const GIGA = 2 ** 30; // a card is sold in powers of two
const LAYERS = [
  ["used", 1],
  ["comfyui", 3],
  ["ollama", 2],
];

class VramChart extends HTMLElement {
  #timer = 0;
  #heard = () => this.#plan();

  connectedCallback() {
    document.addEventListener("vram-changed", this.#heard);
    this.#draw();
  }

  disconnectedCallback() {
    document.removeEventListener("vram-changed", this.#heard);
    clearTimeout(this.#timer);
  }

  #plan() {
    this.#timer ||= setTimeout(() => this.#draw(), 2000);
  }

  async #draw() {
    this.#timer = 0;
    const url = this.closest("[data-history]")?.dataset.history;
    if (!url) return;
    try {
      this.#show(await getJson(url));
    } catch {
      this.hidden = true;
    }
  }

  #show({ points, total }) {
    const most = total || Math.max(...points.map((point) => point[1]), 0);
    this.hidden = points.length < 2 || !most;
    if (this.hidden) return;
    const chart = element("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", preserveAspectRatio: "none" });
    const newest = points.at(-1);
    const [used, size] = [newest[1], most].map((amount) => number(amount / GIGA));
    const amounts = this.dataset.amounts.replace("{done}", used).replace("{total}", size);
    chart.setAttribute("aria-label", `${this.dataset.label}: ${amounts}`);
    for (const [kind, column] of LAYERS) chart.append(area(kind, points, newest[0], most, column));
    this.replaceChildren(chart);
  }
}

/** The area under one column; ComfyUI's stands on Ollama's. */
function area(kind, points, end, most, column) {
  const x = (time) => Math.max(0, WIDTH * (1 - (end - time) / SECONDS)).toFixed(1);
  const y = (amount) => (HEIGHT * (1 - Math.min(1, amount / most))).toFixed(1);
  const height = (point) => (kind === "comfyui" ? point[2] + point[3] : point[column]);
  const top = points.map((point) => `${x(point[0])},${y(height(point))}`).join(" ");
  return element("polygon", {
    class: kind,
    points: `${x(points[0][0])},${HEIGHT} ${top} ${x(end)},${HEIGHT}`,
  });
}

function element(name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const [attribute, value] of Object.entries(attributes)) made.setAttribute(attribute, value);
  return made;
}

customElements.define("vram-chart", VramChart);
