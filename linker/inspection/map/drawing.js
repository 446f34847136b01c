// Drawing.

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
