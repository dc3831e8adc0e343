"use strict";

// Sorting and searching the tables. Without this script every table is still there, in its own
// order; so what only works with it is made here.

const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

function valueOf(row, column, isNumber) {
  const text = row.cells[column].textContent.trim();
  if (!isNumber) return text;
  return text === "" ? -Infinity : Number(text.replaceAll(",", ""));
}

function sortBy(table, column, ascending) {
  const body = table.tBodies[0];
  const isNumber = table.tHead.rows[0].cells[column].classList.contains("n");
  const keyed = Array.from(body.rows, (row) => [valueOf(row, column, isNumber), row]);
  const order = isNumber ? (a, b) => a[0] - b[0] : (a, b) => collator.compare(a[0], b[0]);
  keyed.sort((a, b) => (ascending ? order(a, b) : order(b, a)) || 0);
  body.append(...keyed.map(([, row]) => row));
}

function makeSortable(table) {
  const heads = Array.from(table.tHead.rows[0].cells);
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const before = head.getAttribute("aria-sort");
      const ascending = before ? before === "descending" : !head.classList.contains("n");
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", ascending ? "ascending" : "descending");
      sortBy(table, column, ascending);
    });
  });
}

function makeSearchable(table, tools) {
  const rows = Array.from(table.tBodies[0].rows, (row) => [row, row.textContent.toLowerCase()]);
  const label = document.createElement("label");
  const input = document.createElement("input");
  const found = document.createElement("span");
  input.type = "search";
  found.setAttribute("role", "status");
  label.append("Search ", input);
  tools.prepend(label, found);
  input.addEventListener("input", () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const [row, text] of rows) {
      row.hidden = !words.every((word) => text.includes(word));
      shown += row.hidden ? 0 : 1;
    }
    found.textContent = words.length ? `${shown} of ${rows.length} rows` : "";
  });
}

for (const exhibit of document.querySelectorAll(".exhibit")) {
  const table = exhibit.querySelector("table");
  if (table && table.tBodies[0].rows.length > 1) {
    makeSortable(table);
    if (table.tBodies[0].rows.length > 5) {
      makeSearchable(table, exhibit.querySelector(".tools"));
    }
  }
}
