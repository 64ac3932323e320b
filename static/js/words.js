// Sentences in the page's language: the server puts them into <template id="words">.
const words = new Map();
for (const entry of document.getElementById("words")?.content.querySelectorAll("[data-word]") ?? []) {
  words.set(entry.dataset.word, entry.textContent.trim());
}

export function say(name, values = {}) {
  const sentence = words.get(name) ?? "";
  return sentence.replace(/\{(\w+)\}/g, (whole, key) => (key in values ? String(values[key]) : whole));
}

const language = document.documentElement.lang || "en";

export function number(value, digits = 1) {
  return new Intl.NumberFormat(language, { maximumFractionDigits: digits }).format(value);
}

export { language };
