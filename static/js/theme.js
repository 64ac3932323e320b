// Loaded before anything is painted: the theme and the "details" switch. They are the person's, kept by
// the server, and this browser's, so that they change at once and hold at the door: what the server has
// counts when it is not what this browser last heard of it, for then it was changed elsewhere. And the server
// is told this browser's time zone, in which it writes times from the next page on.
(() => {
  const root = document.documentElement;
  const kept = { theme: root.dataset.keptTheme, details: root.dataset.keptDetails };
  const stored = (name) => {
    try {
      return localStorage.getItem(name);
    } catch {
      return kept[name]; // storage may be forbidden
    }
  };
  const adopt = (name) => {
    if (kept[name] === undefined) return; // nobody is signed in
    try {
      if ((localStorage.getItem(`${name}-kept`) ?? "") === kept[name]) return;
      localStorage.setItem(`${name}-kept`, kept[name]);
      localStorage.setItem(name, kept[name]);
    } catch {
      // then `stored` answers what the server has
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
  const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
  const secure = location.protocol === "https:" ? "; secure" : "";
  if (timeZone) document.cookie = `zone=${timeZone}; path=/; max-age=31536000; samesite=lax${secure}`;
  root.classList.add("js");
  adopt("theme");
  adopt("details");
  apply();
  dark.addEventListener("change", apply);
  addEventListener("storage", apply);
  addEventListener("look-changed", apply);
})();
