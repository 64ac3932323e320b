// Sentences in the page's language: the server puts them into <template id="words">.
const words = new Map();
for (const entry of document.getElementById("words")?.content.querySelectorAll("[data-word]") ?? []) {
  words.set(entry.dataset.word, entry.textContent.trim());
}

export function say(name, values = {}) {
  const sentence = words.get(name) ?? "";
  return sentence.replace(/\{(\w+)\}/g, (whole, key) => (key in values ? String(values[key]) : whole));
}

// The page's language as this browser writes it: en-GB has another clock than en-US.
const spoken = document.documentElement.lang || "en";
const language = navigator.languages.find((tag) => tag.split("-")[0] === spoken) ?? spoken;

export function number(value, digits = 1) {
  return new Intl.NumberFormat(language, { maximumFractionDigits: digits }).format(value);
}

export { language };
