// Mouse, touch, keys.

function hover(site, x, y) {
  if (hovered !== site) { hovered = site; draw(); }
  canvas.classList.toggle("on-site", Boolean(site));
  const tip = $("tip");
  tip.hidden = !site;
  if (!site) return;
  const f = site.fields, form = strings[f[FORM]];
  const lines = [element("b", { textContent: strings[f[TEXT]] })];
  if (form !== "annotated") lines.push(element("br", {}), `${form}${strings[f[NOW_TEXT]] && form !== "native" ? ": " : ""}`, element("span", { className: "code", textContent: form === "native" ? "" : strings[f[NOW_TEXT]] }));
  lines.push(element("br", {}), element("span", { className: "soft", textContent: [strings[f[SYMBOL]], addressOf(site)].filter(Boolean).join(" \u00b7 ") }));
  tip.replaceChildren(...lines);
  const box = tip.getBoundingClientRect();
  tip.style.left = `${Math.max(6, Math.min(x + 14, width - box.width - 8))}px`;
  tip.style.top = `${y + 18 + box.height > height ? Math.max(6, y - box.height - 12) : y + 18}px`;
}
const pointers = new Map();
let moved = 0, pinch = 0;
canvas.addEventListener("pointerdown", (event) => {
  canvas.setPointerCapture(event.pointerId);
  pointers.set(event.pointerId, event);
  moving += 1; moved = 0; pinch = 0;
});
canvas.addEventListener("pointermove", (event) => {
  const box = canvas.getBoundingClientRect(), x = event.clientX - box.left, y = event.clientY - box.top;
  const before = pointers.get(event.pointerId);
  if (!before) { hover(siteNear(x, y), x, y); return; }
  pointers.set(event.pointerId, event);
  if (pointers.size === 2) {
    const [one, other] = [...pointers.values()], apart = Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY);
    if (pinch) zoomAt(apart / pinch, (one.clientX + other.clientX) / 2 - box.left, (one.clientY + other.clientY) / 2 - box.top);
    pinch = apart; moved = 99;
    return;
  }
  const dx = event.clientX - before.clientX, dy = event.clientY - before.clientY;
  moved += Math.abs(dx) + Math.abs(dy);
  if (moved > 4) { canvas.classList.add("dragging"); hover(null); view.x -= dx; view.y -= dy; keepInside(); draw(); }
});
function released(event) {
  const box = canvas.getBoundingClientRect(), was = pointers.delete(event.pointerId);
  canvas.classList.remove("dragging");
  pinch = 0;
  if (was && event.type === "pointerup" && moved <= 4) select(siteNear(event.clientX - box.left, event.clientY - box.top));
}
canvas.addEventListener("pointerup", released);
canvas.addEventListener("pointercancel", released);
canvas.addEventListener("pointerleave", () => hover(null));
canvas.addEventListener("dblclick", (event) => {
  const box = canvas.getBoundingClientRect();
  zoomAt(4, event.clientX - box.left, event.clientY - box.top);
});
canvas.addEventListener("wheel", (event) => {
  event.preventDefault();
  moving += 1;
  const box = canvas.getBoundingClientRect(), unit = event.deltaMode === 1 ? 33 : event.deltaMode === 2 ? 400 : 1;
  if (event.shiftKey) { view.x += (event.deltaX || event.deltaY) * unit; keepInside(); draw(); return; }
  hover(null);
  zoomAt(1.0022 ** (-event.deltaY * unit), event.clientX - box.left, event.clientY - box.top);
}, { passive: false });
function zoomMiddle(factor) {
  const seen = selected && place(sections[selected.fields[SECTION]], selected.fields[OFF]);
  const inside = seen && seen.x >= 0 && seen.x < width && seen.y >= 0 && seen.y < height;
  zoomAt(factor, inside ? seen.x : (width - STRIP) / 2, inside ? seen.y + rowHeight() / 2 : height / 2);
}
function fit() { moving += 1; view.zoom = 1; keepInside(); draw(); }
const KEYS = {
  ArrowRight: () => step(1), ArrowLeft: () => step(-1),
  ArrowDown: () => { view.y += Math.max(40, rowHeight()); keepInside(); draw(); },
  ArrowUp: () => { view.y -= Math.max(40, rowHeight()); keepInside(); draw(); },
  PageDown: () => { view.y += height * 0.8; keepInside(); draw(); },
  PageUp: () => { view.y -= height * 0.8; keepInside(); draw(); },
  Home: () => { selected = null; step(1); }, End: () => { selected = null; step(-1); },
  Enter: () => selected && select(selected, true),
  "+": () => zoomMiddle(1.6), "=": () => zoomMiddle(1.6), "-": () => zoomMiddle(1 / 1.6), 0: fit,
  c: () => colours(colourBy === "class" ? "form" : "class"),
};
canvas.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || !(event.key in KEYS)) return;
  event.preventDefault();
  hover(null);
  moving += 1;
  KEYS[event.key]();
});
document.addEventListener("keydown", (event) => {
  if (event.key === "/" && document.activeElement !== $("filter")) { event.preventDefault(); $("filter").focus(); }
  if (event.key !== "Escape") return;
  $("filter").value = wanted = "";
  only = { class: new Set(), form: new Set() };
  select(null);
  fillLegends();
  filter();
  canvas.focus();
});
$("filter").addEventListener("input", () => { wanted = $("filter").value; filter(); });
$("filter").addEventListener("keydown", (event) => {
  const first = $("list").querySelector("button");
  if (event.key === "Enter" && first) { first.click(); canvas.focus(); }
  if (event.key === "ArrowDown" && first) { event.preventDefault(); first.focus(); }
});
$("list").addEventListener("keydown", (event) => {
  const item = document.activeElement.closest("li"), way = { ArrowDown: "nextElementSibling", ArrowUp: "previousElementSibling" }[event.key];
  if (!item || !way) return;
  event.preventDefault();
  (item[way]?.querySelector("button") ?? (event.key === "ArrowUp" ? $("filter") : null))?.focus();
});
$("by-class").addEventListener("click", () => colours("class"));
$("by-form").addEventListener("click", () => colours("form"));
$("zoom-in").addEventListener("click", () => zoomMiddle(1.6));
$("zoom-out").addEventListener("click", () => zoomMiddle(1 / 1.6));
$("zoom-fit").addEventListener("click", fit);
$("theme").addEventListener("click", () => {
  const root = document.documentElement, dark = palette === PALETTES.dark;
  root.dataset.theme = dark ? "light" : "dark";
  theme();
});
$("strip").addEventListener("pointerdown", (event) => {
  const total = sections.reduce((sum, section) => sum + section.len, 0);
  const box = $("strip").getBoundingClientRect();
  let off = (event.clientY - box.top) / box.height * total;
  for (const section of sections) {
    if (off < section.len) { view.y = tops()[section.index] + HEAD + Math.floor(off / rowLen) * rowHeight() - height / 2; break; }
    off -= section.len;
  }
  moving += 1;
  keepInside();
  draw();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", theme);
new ResizeObserver(() => { measure(); keepInside(); paintStrip(); draw(); }).observe(stage);

$("name").textContent = data.name;
$("facts").textContent = data.facts.join(" \u00b7 ");
$("made").textContent = data.made;
measure();
theme();
select(null);
filter();
