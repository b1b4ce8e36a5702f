// A table that can be sorted by any column and shows its first rows until asked for all.

const FIRST_ROWS = 25;

/**
 * Columns: {label, value(row) to sort by, show(row) for the cell (the value, if left out), numeric, note}.
 * `sorted`: the column to begin with and whether the highest come first.
 */
function sortableTable(caption, columns, rows, sorted = { column: 0, descending: false }) {
  let all = rows.length <= FIRST_ROWS;
  const body = element("tbody");
  const more = element("button", { class: "more", onclick: () => { all = true; draw(); } });
  const heads = columns.map((column, place) => element("th", { scope: "col", class: column.numeric ? "numeric" : null },
    element("button", { title: column.note, onclick: () => sortBy(place) }, column.label)));
  const table = element("table", {},
    element("caption", {}, caption), element("thead", {}, element("tr", {}, heads)), body);

  function sortBy(place) {
    const again = sorted.column === place;
    sorted = { column: place, descending: again ? !sorted.descending : Boolean(columns[place].numeric) };
    draw();
  }

  function draw() {
    const { value } = columns[sorted.column];
    const order = d3.sort(rows, (a, b) => (sorted.descending ? compared(value(b), value(a)) : compared(value(a), value(b))));
    heads.forEach((head, place) => {
      const direction = sorted.descending ? "descending" : "ascending";
      head.setAttribute("aria-sort", place === sorted.column ? direction : "none");
    });
    fill(body, order.slice(0, all ? undefined : FIRST_ROWS).map((row) => element("tr", {}, columns.map((column) =>
      element("td", { class: column.numeric ? "numeric" : null }, column.show ? column.show(row) : String(column.value(row)))))));
    more.hidden = all;
    more.textContent = `Show all ${rows.length.toLocaleString("en")} rows`;
  }

  draw();
  return element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption }, table, more);
}

/** Numbers by size, text by the alphabet; what is unknown comes before all. */
function compared(a, b) {
  if (a === null || b === null) return (a === null ? 0 : 1) - (b === null ? 0 : 1);
  return typeof a === "string" ? a.localeCompare(b, "en", { numeric: true }) : a - b;
}
