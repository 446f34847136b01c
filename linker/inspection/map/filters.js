// Filters and legends.

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
