"use strict";
// The map: each code section is wrapped into rows of `rowLen` bytes, as a page of text is. Zooming stretches bytes faster
// than rows, so that a row never becomes much taller than the words in it. Nothing is fetched; all data is in the page.

const data = JSON.parse(document.getElementById("data").textContent);
const $ = (id) => document.getElementById(id);
const canvas = $("map"), pen = canvas.getContext("2d"), stage = $("stage");
const strings = data.strings;
const number = (n) => n.toLocaleString("en");

// After Paul Tol's "bright" scheme (distinct for colour-blind eyes), its lightness adapted to each page and spread further.
const PALETTES = {
  light: { hues: ["#4477AA", "#EE6677", "#228833", "#A8951B", "#2A9DBF", "#AA3377"], rest: "#A2A8B3" },
  dark: { hues: ["#5B93CC", "#F58A98", "#2F8F45", "#CCBB44", "#66CCEE", "#D062A4"], rest: "#727B88" },
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
