"use strict";
// The map: each code section is wrapped into rows of `rowLen` bytes, as a page of text is. Zooming stretches bytes faster
// than rows, so that a row never becomes much taller than the words in it. Nothing is fetched; all data is in the page.

const data = JSON.parse(document.getElementById("data").textContent);
const $ = (id) => document.getElementById(id);
const canvas = $("map"), pen = canvas.getContext("2d"), stage = $("stage");
const strings = data.strings;
const number = (n) => n.toLocaleString("en");

// Paul Tol's "bright" scheme (distinct for colour-blind eyes), its two pale colours darkened for the light page.
const PALETTES = {
  light: { hues: ["#4477AA", "#EE6677", "#228833", "#A8951B", "#2A9DBF", "#AA3377"], rest: "#7F8792" },
  dark: { hues: ["#5B93CC", "#EE6677", "#3FA652", "#CCBB44", "#66CCEE", "#D062A4"], rest: "#A0A8B4" },
};
const FORM_HUES = { inline: 0, trap: 1, call: 2, jump: 3, native: 4, skipped: 5, damaged: 1 };
const LETTERS = { inline: "I", trap: "T", call: "C", jump: "J", native: "N", skipped: "s", damaged: "!", annotated: "" };
const GUTTER = 14, STRIP = 44, HEAD = 24, WIDEST = 176, TALLEST = 46, LIST_LIMIT = 200;

// Site fields, in the order the page's maker writes them.
const [SECTION, OFF, LEN, CLASS, FORM, TEXT, CODE, NOW_TEXT, NOW_CODE, SYMBOL, SOURCE, REASON] = [...Array(12).keys()];

const sections = data.sections.map(([name, va, len, spans, leftOut, prefix], index) => ({
  index, name, leftOut, prefix, va: BigInt(va), len, sites: [],
  spans: spans.map(([off, spanLen, spanName]) => ({ off, len: spanLen, name: strings[spanName], sites: 0, match: false })),
}));
const sites = data.sites.map((fields, index) => ({ index, fields, shown: true, span: null }));
for (const site of sites) sections[site.fields[SECTION]].sites.push(site);
const spans = sections.flatMap((section) => section.spans.map((span) => Object.assign(span, { section, padding: 0 })));
for (const section of sections) {
  for (const site of section.sites) {
    const at = lastAtOrBelow(section.spans, site.fields[OFF], (span) => span.off);
    if (at < 0) continue;
    site.span = section.spans[at];
    site.span.sites += 1;
    site.span.padding += site.fields[LEN] - byteCount(strings[site.fields[CODE]]);
  }
}
const lengths = sites.map((site) => site.fields[LEN]).sort((a, b) => a - b);
const closest = WIDEST / (lengths[lengths.length >> 1] || 8);  // pixels a byte, so that the words of a site fit into it
const classCounts = counted(CLASS), formCounts = counted(FORM);

let colourBy = "class", palette = PALETTES.light, css = {};
let only = { class: new Set(), form: new Set() }, wanted = "";
let selected = null, hovered = null, allClasses = false;
let width = 0, height = 0, rowLen = 1, fitRow = 1, steepness = 1, furthest = 1;
const view = { zoom: 1, x: 0, y: 0 };

function byteCount(code) { return code ? code.split(" ").length : 0; }
function counted(field) {
  const counts = new Map();
  for (const site of sites) counts.set(strings[site.fields[field]], (counts.get(strings[site.fields[field]]) || 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
}
function lastAtOrBelow(rows, value, key) {
  let low = 0, high = rows.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (key(rows[middle]) <= value) low = middle + 1; else high = middle;
  }
  return low - 1;
}

// ---- geometry: bytes to pixels and back

function pixelsPerByte() { return view.zoom * (width - GUTTER - STRIP) / rowLen; }
function rowHeight() { return fitRow * view.zoom ** steepness; }
function rowsOf(section) { return Math.ceil(section.len / rowLen); }
function tops() {
  const all = [];
  let y = 0;
  for (const section of sections) { all.push(y); y += HEAD + rowsOf(section) * rowHeight(); }
  all.push(y + 12);
  return all;
}
function measure() {
  const box = stage.getBoundingClientRect(), scale = window.devicePixelRatio || 1;
  width = box.width; height = box.height;
  canvas.width = Math.round(width * scale); canvas.height = Math.round(height * scale);
  pen.setTransform(scale, 0, 0, scale, 0, 0);
  const total = sections.reduce((sum, section) => sum + section.len, 0) || 1;
  const room = Math.max(60, height - HEAD * sections.length - 16);
  rowLen = Math.max(64, Math.ceil(total / Math.max(1, Math.floor(room / 9)) / 64) * 64);
  for (;;) {
    const rows = sections.reduce((sum, section) => sum + rowsOf(section), 0) || 1;
    fitRow = Math.min(22, room / rows);
    if (fitRow >= 7 || rows <= sections.length) break;
    rowLen += Math.max(64, Math.ceil(rowLen / 32 / 64) * 64);
  }
  furthest = Math.max(1, closest * rowLen / Math.max(1, width - GUTTER - STRIP));
  steepness = furthest > 1 ? Math.max(0, Math.log(TALLEST / fitRow) / Math.log(furthest)) : 0;
}
function place(section, off) {
  const row = Math.floor(off / rowLen);
  return { x: GUTTER + (off - row * rowLen) * pixelsPerByte() - view.x, y: tops()[section.index] + HEAD + row * rowHeight() - view.y };
}
function under(x, y) {
  const all = tops(), height = rowHeight();
  for (const section of sections) {
    const inside = y + view.y - all[section.index] - HEAD;
    if (y + view.y < all[section.index + 1] || section.index === sections.length - 1) {
      const row = Math.max(0, Math.min(rowsOf(section) - 1, Math.floor(inside / height)));
      return { section, row, part: (inside - row * height) / height, column: (x + view.x - GUTTER) / pixelsPerByte() };
    }
  }
  return null;
}
function keepInside() {
  view.zoom = Math.min(furthest, Math.max(1, view.zoom));
  view.x = Math.max(0, Math.min(view.x, rowLen * pixelsPerByte() - (width - GUTTER - STRIP)));
  view.y = Math.max(0, Math.min(view.y, tops()[sections.length] - height));
}
function zoomAt(factor, x, y) {
  const before = under(x, y);
  view.zoom = Math.min(furthest, Math.max(1, view.zoom * factor));
  if (before) {
    view.x = GUTTER + before.column * pixelsPerByte() - x;
    view.y = tops()[before.section.index] + HEAD + (before.row + before.part) * rowHeight() - y;
  }
  keepInside();
  draw();
}

// ---- drawing

let drawing = false;
function draw() {
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(() => { drawing = false; paint(); });
}
function classColour(name) {
  const at = classCounts.findIndex(([other]) => other === name);
  return at < palette.hues.length ? palette.hues[at] : palette.rest;
}
function formColour(name) { return name in FORM_HUES ? palette.hues[FORM_HUES[name]] : palette.rest; }
function inkOn(colour) {
  const [r, g, b] = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
  return r * 0.299 + g * 0.587 + b * 0.114 > 140 ? "#10141a" : "#ffffff";
}
function eachPart(off, len, act) {  // a range of bytes, row by row
  for (let at = off; at < off + len;) {
    const row = Math.floor(at / rowLen), end = Math.min(off + len, (row + 1) * rowLen);
    act(row, at - row * rowLen, end - row * rowLen);
    at = end;
  }
}
function paint() {
  pen.fillStyle = css.page;
  pen.fillRect(0, 0, width, height);
  const scale = pixelsPerByte(), tall = rowHeight(), all = tops();
  const gap = tall > 14 ? 3 : tall > 5 ? 1 : 0.5, words = tall >= 19;
  for (const section of sections) {
    const top = all[section.index] + HEAD - view.y;
    if (top - HEAD > height || all[section.index + 1] - view.y < 0) continue;
    const first = Math.max(0, Math.floor(-top / tall)), last = Math.min(rowsOf(section), Math.ceil((height - top) / tall));
    const left = view.x / scale, right = left + (width - GUTTER) / scale;
    const box = (off, len, act) => eachPart(off, len, (row, low, high) => {
      if (row < first || row >= last || high < left || low > right) return;
      act(GUTTER + low * scale - view.x, top + row * tall, (high - low) * scale);
    });
    pen.fillStyle = css.band;
    box(first * rowLen, Math.min(section.len, last * rowLen) - first * rowLen, (x, y, w) => pen.fillRect(x, y, w, tall - gap));
    paintSpans(section, box, tall - gap, words, first, last);
    paintSites(section, box, tall - gap, words, first, last);
    paintHead(section, top - HEAD);
  }
  pen.fillStyle = css.page;
  pen.fillRect(width - STRIP, 0, STRIP, height);
  for (const [site, colour] of [[hovered, css.soft], [selected, css.ink]]) if (site) outline(site, colour);
  paintFrame(all);
}
function paintHead(section, y) {
  const at = Math.max(y, y > -HEAD ? y : -HEAD);
  pen.textBaseline = "middle";
  pen.textAlign = "left";
  pen.font = "600 12.5px system-ui, 'DejaVu Sans', sans-serif";
  pen.fillStyle = css.ink;
  pen.fillText(section.name, GUTTER, at + HEAD / 2 + 1);
  const shift = pen.measureText(section.name).width + 10;
  pen.font = "12px system-ui, 'DejaVu Sans', sans-serif";
  pen.fillStyle = css.soft;
  const count = section.sites.length;
  const left = section.leftOut ? `, behind ${number(section.leftOut)} bytes of filler` : "";
  pen.fillText(`0x${section.va.toString(16)}, ${number(section.len)} bytes, ${number(count)} ${count === 1 ? "site" : "sites"}${left}`, GUTTER + shift, at + HEAD / 2 + 1);
}
function range(rows, low, high) {
  return [Math.max(0, lastAtOrBelow(rows, low, (row) => row.off ?? row.fields[OFF])), lastAtOrBelow(rows, high, (row) => row.off ?? row.fields[OFF])];
}
function paintSpans(section, box, tall, words, first, last) {
  const [low, high] = range(section.spans, first * rowLen, last * rowLen);
  for (let n = low; n <= high; n += 1) {
    const span = section.spans[n];
    if (!span.match && n % 2 === 0 && !words) continue;
    const colour = span.match ? css["band-match"] : n % 2 ? css["band-other"] : null;
    box(span.off, span.len, (x, y, w) => {
      if (colour) { pen.fillStyle = colour; pen.fillRect(x, y, w, tall); }
      if (words && w > 40) label(span.name, Math.max(x, 0) + 5, y + tall * 0.24, Math.min(w + Math.min(x, 0), width) - 10, css.soft, 11);
    });
  }
}
function label(text, x, y, room, colour, size) {
  if (room < 12) return;
  pen.font = `${size}px ui-monospace, 'DejaVu Sans Mono', monospace`;
  pen.textBaseline = "middle";
  const fits = Math.floor(room / (size * 0.61));
  if (fits < 3 && text.length > fits) return;
  pen.fillStyle = colour;
  pen.fillText(text.length <= fits ? text : text.slice(0, fits - 1) + "\u2026", x, y);
}
function paintSites(section, box, tall, words, first, last) {
  const [low, high] = range(section.sites, first * rowLen - 64, last * rowLen);
  // Where marks are closer together than they are wide, the rarer ones lie above; what is filtered out lies below.
  const crowded = pixelsPerByte() * (lengths[0] || 1) < 2;
  const drawn = crowded ? section.byRarity : section.sites.slice(low, high + 1);
  for (const shown of [false, true]) {
    for (const site of drawn) {
      if (site.shown !== shown) continue;
      const colour = shown ? site.colour : css.dim, upper = words ? tall * 0.44 : 0;
      box(site.fields[OFF], site.fields[LEN], (x, y, w) => {
        const wide = w > 6 ? w - 1 : Math.max(Math.round(w), shown ? 2 : 1);
        pen.fillStyle = colour;
        pen.fillRect(w > 6 ? x : Math.floor(x), y + upper, wide, tall - upper);  // whole pixels: colours do not mix
        if (words && wide > 14) siteWords(site, x, y + upper, wide, tall - upper, shown ? inkOn(colour) : css.soft);
      });
    }
  }
}
function siteWords(site, x, y, w, h, ink) {
  const form = strings[site.fields[FORM]], text = strings[site.fields[TEXT]], fits = Math.floor((w - 8) / 7);
  const all = form === "annotated" ? text : `${text} \u2192 ${form}`;
  const said = [all, text, strings[site.fields[CLASS]]].find((words) => words.length <= fits) ?? LETTERS[form] ?? "";
  label(said, x + 4, y + h / 2 + 0.5, w - 6, ink, 11.5);
}
function outline(site, colour) {
  const section = sections[site.fields[SECTION]], tall = rowHeight(), scale = pixelsPerByte();
  eachPart(site.fields[OFF], site.fields[LEN], (row, low, high) => {
    const x = GUTTER + low * scale - view.x, y = tops()[section.index] + HEAD + row * tall - view.y;
    pen.strokeStyle = colour;
    pen.lineWidth = 2;
    pen.strokeRect(x - 2, y - 2, Math.max(2, (high - low) * scale) + 4, tall + 2);
  });
}

// ---- the strip at the right: all of the map, and which part of it is seen

function paintStrip() {
  const strip = $("overview"), box = $("strip").getBoundingClientRect(), scale = window.devicePixelRatio || 1;
  strip.width = Math.max(1, Math.round(box.width * scale)); strip.height = Math.max(1, Math.round(box.height * scale));
  const ink = strip.getContext("2d"), total = sections.reduce((sum, section) => sum + section.len, 0) || 1;
  let from = 0;
  for (const section of sections) {
    for (const site of section.sites) {
      if (!site.shown) continue;
      ink.fillStyle = site.colour;
      ink.fillRect(2, (from + site.fields[OFF]) / total * strip.height, strip.width - 4, Math.max(1, scale * 0.75));
    }
    from += section.len;
    ink.fillStyle = css.line;
    ink.fillRect(0, from / total * strip.height, strip.width, scale);
  }
}
function offsetIn(y) {  // bytes of code above a height of the map
  const all = tops(), tall = rowHeight();
  let from = 0;
  for (const section of sections) {
    if (y < all[section.index + 1]) return from + Math.max(0, Math.min(section.len, (y - all[section.index] - HEAD) / tall * rowLen));
    from += section.len;
  }
  return from;
}
function paintFrame(all) {
  const total = sections.reduce((sum, section) => sum + section.len, 0) || 1, box = $("strip").clientHeight;
  const low = offsetIn(view.y) / total * box, high = offsetIn(Math.min(view.y + height, all[sections.length])) / total * box;
  $("frame").style.top = `${low}px`;
  $("frame").style.height = `${Math.max(6, high - low)}px`;
}

// ---- finding, choosing, showing

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

// ---- filters and legends

function filter() {
  const query = wanted.trim().toLowerCase();
  for (const span of spans) span.match = query !== "" && span.name.toLowerCase().includes(query);
  for (const site of sites) {
    const f = site.fields;
    site.shown = (!query || Boolean(site.span && site.span.match))
      && (!only.class.size || only.class.has(strings[f[CLASS]])) && (!only.form.size || only.form.has(strings[f[FORM]]));
  }
  if (selected && !selected.shown) select(null);
  fillList(query);
  paintStrip();
  draw();
}
function fillList(query) {
  const found = (query ? spans.filter((span) => span.match) : spans.filter((span) => span.sites)).sort((a, b) => b.padding - a.padding || b.sites - a.sites);
  const shown = sites.filter((site) => site.shown).length;
  $("list-title").textContent = query ? "Functions that match" : "Most padded functions";
  $("matches").textContent = query ? `${number(found.length)} functions, ${number(shown)} of ${number(sites.length)} sites shown`
    : shown === sites.length ? "by bytes of padding" : `${number(shown)} of ${number(sites.length)} sites shown`;
  $("list").replaceChildren(...found.slice(0, query ? LIST_LIMIT : 12).map((span) => {
    const button = element("button", { type: "button", title: `${span.name}: ${span.len} bytes` },
      element("span", { className: "t", textContent: span.name }),
      element("span", { className: "n", textContent: span.sites ? `${span.sites} \u00b7 ${span.padding} B` : "no site" }));
    button.addEventListener("click", () => goToSpan(span));
    return element("li", {}, button);
  }));
}
function fillLegends() {
  const shownClasses = allClasses ? classCounts : classCounts.slice(0, 10);
  const rest = classCounts.slice(10);
  fillLegend($("classes"), shownClasses, "class", classColour);
  if (rest.length) {
    const more = element("button", { type: "button", textContent: allClasses ? "fewer" : `${rest.length} more classes, ${number(rest.reduce((sum, [, n]) => sum + n, 0))} sites` });
    more.addEventListener("click", () => { allClasses = !allClasses; fillLegends(); });
    $("classes").append(element("li", { className: "more" }, more));
  }
  fillLegend($("forms"), formCounts, "form", formColour);
}
function fillLegend(list, counts, kind, colourFor) {
  list.replaceChildren(...counts.map(([name, count]) => {
    const coloured = colourBy === kind, swatch = element("span", { className: "swatch", textContent: kind === "form" ? LETTERS[name] || "" : "" });
    swatch.style.background = coloured ? colourFor(name) : css.code;
    swatch.style.color = coloured ? inkOn(colourFor(name)) : css.soft;
    const button = element("button", { type: "button", title: `only ${name}` }, swatch,
      element("span", { className: "t", textContent: name }), element("span", { className: "n", textContent: number(count) }));
    button.setAttribute("aria-pressed", only[kind].has(name));
    button.addEventListener("click", () => {
      if (!only[kind].delete(name)) only[kind].add(name);
      button.setAttribute("aria-pressed", only[kind].has(name));
      filter();
    });
    return element("li", {}, button);
  }));
}
function paintbox() {  // what the drawing of sites needs to know of them
  const [rows, field, colourFor] = colourBy === "class" ? [classCounts, CLASS, classColour] : [formCounts, FORM, formColour];
  const counts = new Map(rows), hues = new Map(rows.map(([name]) => [name, colourFor(name)]));
  for (const site of sites) site.colour = hues.get(strings[site.fields[field]]);
  const often = (site) => counts.get(strings[site.fields[field]]);
  for (const section of sections) section.byRarity = [...section.sites].sort((a, b) => often(b) - often(a));
}
function colours(by) {
  colourBy = by;
  paintbox();
  for (const kind of ["class", "form"]) $(`by-${kind}`).setAttribute("aria-pressed", String(kind === by));
  fillLegends();
  paintStrip();
  draw();
}
function theme() {
  const root = document.documentElement, style = getComputedStyle(root);
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  palette = dark ? PALETTES.dark : PALETTES.light;
  for (const name of ["page", "panel", "line", "ink", "soft", "band", "band-other", "band-match", "dim", "code"]) css[name] = style.getPropertyValue(`--${name}`).trim();
  paintbox();
  fillLegends();
  paintStrip();
  draw();
}

// ---- mouse, touch, keys

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
