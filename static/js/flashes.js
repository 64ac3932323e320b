// One sentence at the top of the page that goes by itself.
const SHOWN = 8000; // ms

export function flash(sentence) {
  let list = document.querySelector(".flashes");
  if (!list) {
    list = document.createElement("ul");
    list.className = "flashes";
    list.setAttribute("role", "status");
    document.body.append(list);
  }
  const line = document.createElement("li");
  line.textContent = sentence;
  list.append(line);
  setTimeout(() => line.remove(), SHOWN);
}
