// Finding, choosing, showing.

function siteNear(x, y) {
  const at = under(x, y);
  if (!at || x > width - STRIP || at.part < -0.2 || at.part > 1.2) return null;
  const reach = 5 / pixelsPerByte(), off = at.row * rowLen + at.column;
  let best = null, distance = Infinity;
  const [low, high] = range(at.section.sites, off - reach - 64, off + reach);
  for (let n = low; n <= high; n += 1) {
    const site = at.section.sites[n];
    if (!site || !site.shown) continue;
    const away = Math.max(0, site.fields[OFF] - off, off - site.fields[OFF] - site.fields[LEN]);
    if (away <= reach && away < distance) { best = site; distance = away; }
  }
  return best;
}
function addressOf(site) {
  const section = sections[site.fields[SECTION]];
  return `${section.prefix}0x${(section.va + BigInt(site.fields[OFF])).toString(16)}`;
}
function element(name, properties, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}
function select(site, close) {
  selected = site;
  const details = $("details");
  details.replaceChildren();
  if (!site) {
    details.append(element("p", { textContent: sites.length ? "Choose a mark: click it, or press the right arrow key on the map." : "The image has no sites." }));
    draw();
    return;
  }
  const f = site.fields, form = strings[f[FORM]], list = element("dl", {});
  const row = (term, value, kind) => value && list.append(element("dt", { textContent: term }), element("dd", { className: kind || "", textContent: value }));
  row("instruction", strings[f[TEXT]], "code");
  row("address", addressOf(site), "code");
  row("symbol", strings[f[SYMBOL]], "code");
  row("source", strings[f[SOURCE]], "code");
  row("section", sections[f[SECTION]].name, "code");
  row("class", strings[f[CLASS]]);
  row("form", form + (strings[f[REASON]] ? ` (${strings[f[REASON]]})` : ""));
  row("room", `${f[LEN]} bytes, ${f[LEN] - byteCount(strings[f[CODE]])} of them padding`);
  row("original", strings[f[CODE]], "code");
  if (strings[f[NOW_CODE]] !== "") { row("now", strings[f[NOW_TEXT]], "code"); row("", strings[f[NOW_CODE]], "code"); }
  const from = list.lastElementChild;
  if (from && from.previousElementSibling.textContent === "") from.classList.add("bytes");
  details.append(list);
  if (close) goTo(sections[f[SECTION]], f[OFF], f[LEN], Math.max(view.zoom, furthest));
  else bringIntoView(site);
  draw();
}
function bringIntoView(site) {
  const section = sections[site.fields[SECTION]], { x, y } = place(section, site.fields[OFF]), tall = rowHeight();
  const wide = site.fields[LEN] * pixelsPerByte();
  if (x < GUTTER || x + wide > width - STRIP - 8) view.x += x - (width - STRIP) / 2;
  if (y < 0 || y + tall > height) view.y += y - height / 2;
  keepInside();
}
let moving = 0;
function goTo(section, off, len, zoom) {
  const from = { ...view };
  view.zoom = Math.min(furthest, zoom);
  const row = Math.floor(off / rowLen), scale = pixelsPerByte(), room = width - GUTTER - STRIP;
  view.x = (off - row * rowLen) * scale - (len * scale < room ? (room - len * scale) / 2 : 20);
  view.y = tops()[section.index] + HEAD + (row + 0.5) * rowHeight() - height / 2;
  keepInside();
  const to = { ...view };
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) { draw(); return; }
  const start = performance.now(), mine = moving += 1;
  Object.assign(view, from);
  const step = (now) => {
    if (mine !== moving) return;
    const part = Math.min(1, Math.max(0, (now - start) / 260)), eased = 1 - (1 - part) ** 3;
    view.zoom = from.zoom * (to.zoom / from.zoom) ** eased;
    const spread = to.zoom === from.zoom ? eased : (view.zoom - from.zoom) / (to.zoom - from.zoom);
    view.x = from.x + (to.x - from.x) * spread;
    view.y = from.y + (to.y - from.y) * spread;
    if (part === 1) Object.assign(view, to);
    paint();
    if (part < 1) requestAnimationFrame(step);
  };
  requestAnimationFrame(step);
}
function goToSpan(span) {
  const room = width - GUTTER - STRIP;
  goTo(span.section, span.off, span.len, Math.min(furthest, Math.max(1, 0.8 * room / (span.len * room / rowLen))));
  const first = span.section.sites.find((site) => site.span === span && site.shown);
  if (first) { const keep = { ...view }; selected = null; select(first); Object.assign(view, keep); }
}
function step(by) {
  const shown = sites.filter((site) => site.shown);
  if (!shown.length) return;
  const at = selected ? shown.findIndex((site) => site.index >= selected.index) : -1;
  const next = selected ? (at < 0 ? shown.length : at) + (by < 0 || shown[at] === selected ? by : 0) : by > 0 ? 0 : shown.length - 1;
  select(shown[Math.max(0, Math.min(shown.length - 1, next))]);
}
