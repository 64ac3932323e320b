// Where a menu goes: below what opened it, above when there is no room, never off the screen.
const GAP = 4; // px between the two
const EDGE = 8; // px to the screen's edge

export function putBeside(menu, rect) {
  const { offsetWidth: width, offsetHeight: height } = menu;
  const below = rect.bottom + GAP + height < innerHeight;
  menu.style.left = `${Math.max(EDGE, Math.min(rect.left, innerWidth - width - EDGE))}px`;
  menu.style.top = `${below ? rect.bottom + GAP : Math.max(EDGE, rect.top - GAP - height)}px`;
}
