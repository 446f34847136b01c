// The strip at the right: all of the map, and which part of it is seen.

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
