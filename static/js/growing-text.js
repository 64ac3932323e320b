// A text that arrives in pieces, each with its offset in code points, as the live log tells it.
const countPoints = (text) => {
  let points = 0;
  for (const _point of text) points += 1;
  return points;
};

export class GrowingText {
  text = "";
  #points = 0;

  /** Adds a piece. Returns "added", "rewound" (what was held has been cut back first) or "gap". */
  add({ offset, text }) {
    if (offset > this.#points) return "gap";
    const rewound = offset < this.#points;
    if (rewound) this.#cut(offset);
    this.text += text;
    this.#points += countPoints(text);
    return rewound ? "rewound" : "added";
  }

  #cut(points) {
    this.text = Array.from(this.text).slice(0, points).join("");
    this.#points = points;
  }
}
