// Loaded before anything is painted: the theme and the "details" switch as this browser has them.
(() => {
  const root = document.documentElement;
  const stored = (name) => {
    try {
      return localStorage.getItem(name);
    } catch {
      return null; // storage may be forbidden; then the system decides
    }
  };
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const apply = () => {
    const chosen = stored("theme");
    const theme = chosen === "light" || chosen === "dark" ? chosen : dark.matches ? "dark" : "light";
    root.dataset.theme = theme;
    root.dataset.details = stored("details") === "on" ? "on" : "off";
    const colour = document.querySelector('meta[name="theme-color"]');
    colour?.setAttribute("content", theme === "dark" ? "#161615" : "#fbfbfa");
  };
  root.classList.add("js");
  apply();
  dark.addEventListener("change", apply);
  addEventListener("storage", apply);
  addEventListener("look-changed", apply);
})();
