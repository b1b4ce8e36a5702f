// The fifth tab: every comparison with its interval.

function showComparisons(panel) {
  const cell = ([number, n]) => ({ method: report.methods[number], n });
  const rows = report.comparisons.map((each) => ({ ...each, first: cell(each.first), second: cell(each.second) }));
  const reach = [d3.min(rows, (row) => Math.min(row.low ?? 0, 0)), d3.max(rows, (row) => Math.max(row.high ?? 0, 0))];
  const chosen = { text: "", over: null, n: null, clear: false };
  const body = element("div");
  const told = element("p", { class: "note", role: "status" });

  function draw() {
    const words = chosen.text.toLowerCase().split(/\s+/);
    const kept = rows.filter((row) =>
      words.every((word) => `${row.first.method.name} ${row.second.method.name}`.toLowerCase().includes(word)) &&
      (chosen.over === null || row.second.method.name === chosen.over) && (chosen.n === null || row.first.n === chosen.n) &&
      (!chosen.clear || row.low > 0 || row.high < 0));
    told.textContent = `${count(kept.length, "comparison")} of ${rows.length.toLocaleString("en")}.`;
    fill(body, comparisonTable(kept, reach));
  }

  const choose = (choices) => { Object.assign(chosen, choices); draw(); };
  const others = d3.sort(new Set(rows.map((row) => row.second.method.name)));
  const budgets = d3.sort(new Set(rows.map((row) => row.first.n)));
  fill(panel,
    element("h2", {}, "Comparisons"),
    element("p", { class: "note" }, "Differences in accuracy on the same problems, in points, with 95 % intervals over problems. ",
      "Each meets the baseline's largest budget that has no more solutions. Of many intervals one in twenty is expected to leave ",
      "out 0 by chance; p-values by Holm's method allow for that."),
    element("div", { class: "controls" },
      element("label", { class: "pulldown" }, element("span", {}, "Find"),
        element("input", { type: "search", oninput: (event) => choose({ text: event.target.value }) })),
      pulldown("Against", [[null, "all"], ...others.map((name) => [name, name])], null, (over) => choose({ over })),
      pulldown("N", [[null, "all"], ...budgets.map((n) => [n, String(n)])], null, (n) => choose({ n })),
      element("div", { class: "ticks" }, tick("only intervals without 0", false, (clear) => choose({ clear })))),
    told, body, largerModels());
  draw();
  return () => {};
}

function comparisonTable(rows, reach) {
  return sortableTable("Differences in accuracy, in points", [
    { label: "Method", value: (row) => row.first.method.name, show: (row) => named(row.first.method) },
    { label: "N", numeric: true, value: (row) => row.first.n },
    { label: "Against", value: (row) => row.second.method.name, show: (row) => named(row.second.method) },
    { label: "Its N", numeric: true, value: (row) => row.second.n },
    { label: "Points", numeric: true, value: (row) => row.value, show: (row) => points(row.value) },
    { label: "95 %", numeric: true, value: (row) => row.low, show: (row) => interval(row.low, row.high, (value) => points(value)) },
    { label: "Interval", value: (row) => row.low, show: (row) => whisker(row, reach) },
    { label: "p", numeric: true, value: (row) => row.p, show: (row) => probability(row.p), note: "without correction" },
    { label: "p, Holm", numeric: true, value: (row) => row.adjusted, show: (row) => probability(row.adjusted), note: "corrected for all comparisons with this baseline" },
    { label: "Problems", numeric: true, value: (row) => row.problems },
  ], rows, { column: 4, descending: true });
}

/** An interval as a line across zero. */
function whisker(row, reach) {
  const x = d3.scaleLinear(reach, [5, 195]);
  const clear = row.low > 0 || row.high < 0;
  const svg = d3.create("svg").attr("class", "whisker").attr("viewBox", "0 0 200 14").attr("aria-hidden", "true");
  svg.append("line").attr("class", "zero").attr("x1", x(0)).attr("x2", x(0)).attr("y1", 0).attr("y2", 14);
  if (row.low !== null) {
    svg.append("line").attr("class", clear ? "reach clear" : "reach").attr("x1", x(row.low)).attr("x2", x(row.high)).attr("y1", 7).attr("y2", 7);
  }
  if (row.value !== null) svg.append("circle").attr("class", clear ? "clear" : null).attr("cx", x(row.value)).attr("cy", 7).attr("r", 3.5);
  return svg.node();
}
