// Geometry: bytes to pixels and back.

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
