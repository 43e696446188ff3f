"use strict";

const specs = JSON.parse(document.getElementById("charts").textContent);
const dark = matchMedia("(prefers-color-scheme: dark)");
const views = new Map();

// Charts: drawn when they come near the screen, in the colours of the page.
function config() {
  const style = getComputedStyle(document.documentElement);
  const [text, muted, line] = ["--text", "--muted", "--line"].map((name) => style.getPropertyValue(name).trim());
  return {
    background: "transparent",
    font: getComputedStyle(document.body).fontFamily,
    aria: false,
    view: { stroke: null },
    text: { fill: text },
    axis: {
      labelColor: muted, titleColor: muted, titleFontWeight: "normal", gridColor: line, domainColor: muted,
      tickColor: muted, labelFontSize: 11, titleFontSize: 12, titlePadding: 6,
    },
    legend: { labelColor: text, titleColor: muted, labelFontSize: 11, orient: "bottom", title: null },
  };
}

async function draw(place) {
  views.get(place)?.finalize();
  const options = { actions: false, renderer: "svg", config: config(), tooltip: { theme: dark.matches ? "dark" : "light" } };
  const spec = { $schema: "https://vega.github.io/schema/vega-lite/v6.json", ...specs[place.dataset.chart] };
  views.set(place, await vegaEmbed(place, spec, options));
  place.querySelector("svg").ariaHidden = "true"; // the place itself is a picture with a text
  place.dataset.drawn = dark.matches ? "dark" : "light";
}

const near = new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries) {
    if (isIntersecting && !views.has(target)) {
      views.set(target, null);
      draw(target);
    }
  }
}, { rootMargin: "400px" });
for (const place of document.querySelectorAll("[data-chart]")) near.observe(place);
dark.addEventListener("change", () => [...views.keys()].forEach(draw));

// Tables: sorted by a click on the head of a column, numbers by their values.
function key(row, column) {
  const cell = row.cells[column];
  const value = cell.dataset.value ?? cell.textContent.trim();
  return value === "" ? null : Number.isNaN(Number(value)) ? value : Number(value);
}

function compare(first, second) {
  return typeof first === "number" && typeof second === "number" ? first - second
    : String(first).localeCompare(String(second), "en", { numeric: true });
}

function sort(head) {
  const table = head.closest("table");
  const direction = head.getAttribute("aria-sort") === "ascending" ? "descending" : "ascending";
  for (const other of table.tHead.rows[0].cells) other.setAttribute("aria-sort", other === head ? direction : "none");
  const sign = direction === "ascending" ? 1 : -1;
  const keyed = [...table.tBodies[0].rows].map((row) => [key(row, head.cellIndex), row]);
  keyed.sort(([first], [second]) => // rows without a value stay last
    first === null || second === null ? (first === null) - (second === null) : sign * compare(first, second));
  table.tBodies[0].append(...keyed.map(([, row]) => row));
}

for (const head of document.querySelectorAll(".sortable th[aria-sort]")) {
  head.querySelector("button").addEventListener("click", () => sort(head));
}

const filter = document.getElementById("filter");
const rows = [...document.querySelectorAll(".sortable tbody tr")];

function applyFilter() {
  const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const row of rows) row.hidden = !words.every((word) => row.dataset.text.toLowerCase().includes(word));
  const count = rows.filter((row) => !row.hidden).length;
  document.getElementById("filtered").textContent = words.length ? `${count} of ${rows.length} variants` : "";
  document.getElementById("no-match").hidden = count > 0;
}

filter.addEventListener("input", applyFilter);

// Galleries: one kind of pictures at a time.
for (const gallery of document.querySelectorAll(".gallery")) {
  const choices = [...gallery.querySelectorAll("input[type=radio]")];
  const show = () => {
    const chosen = choices.find((each) => each.checked);
    for (const part of gallery.querySelectorAll("[data-kind]")) part.hidden = part.dataset.kind !== chosen.value;
  };
  if (choices.length) {
    choices.forEach((each) => each.addEventListener("change", show));
    show();
  }
}

// A link to what is folded opens it.
function open() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  const fold = target?.closest("details");
  if (fold) {
    fold.open = true;
    target.scrollIntoView();
  }
}

addEventListener("hashchange", open);
document.addEventListener("click", (event) => { // a second click on the same link changes no address
  if (event.target.closest?.("a[href^='#']")?.hash === location.hash) open();
});
open();

// Contents: open beside the text, a menu above it; the part on the screen is marked.
const contents = document.querySelector(".contents details");
const wide = matchMedia("(min-width: 1440px)");
const fit = () => { contents.open = wide.matches; };
wide.addEventListener("change", fit);
contents.addEventListener("click", (event) => { if (event.target.closest("a") && !wide.matches) contents.open = false; });
fit();

const entries = new Map([...contents.querySelectorAll("a")].map((link) => [link.hash.slice(1), link]));
const reading = new IntersectionObserver((seen) => {
  const last = seen.filter((each) => each.isIntersecting).pop();
  if (last) {
    for (const link of entries.values()) link.removeAttribute("aria-current");
    entries.get(last.target.id).setAttribute("aria-current", "true");
  }
}, { rootMargin: "0px 0px -75% 0px" });
for (const id of entries.keys()) {
  if (id !== "main") reading.observe(document.getElementById(id)); // all of the page is always on the screen
}

// On paper everything is unfolded.
let folded = [];
addEventListener("beforeprint", () => {
  folded = [...document.querySelectorAll("details:not([open])")];
  folded.forEach((each) => { each.open = true; });
});
addEventListener("afterprint", () => folded.forEach((each) => { each.open = false; }));
