// localStorage that may be forbidden or full: then nothing is kept, and nothing breaks.
export function recall(name) {
  try {
    return localStorage.getItem(name) ?? "";
  } catch {
    return "";
  }
}

export function keep(name, value) {
  try {
    if (value) localStorage.setItem(name, value);
    else localStorage.removeItem(name);
  } catch {
    // what cannot be kept still stands on the page
  }
}
