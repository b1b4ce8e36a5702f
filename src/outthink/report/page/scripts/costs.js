// The fourth tab: where the tokens and the FLOPs go.

const TOKENS = [
  { part: "prompt computed", of: (row) => row.engine.prompt_tokens, colour: "var(--part-prompt)" },
  { part: "read from cache", of: (row) => row.engine.cached_tokens, colour: "var(--part-cached)" },
  { part: "written", of: (row) => row.engine.generated_tokens, colour: "var(--part-written)" },
  { part: "verifier: read", of: (row) => row.verifier.prompt_tokens + row.verifier.scored_tokens, colour: "var(--part-scored)" },
  { part: "verifier: from cache", of: (row) => row.verifier.cached_tokens, colour: "var(--part-scored-cached)" },
  { part: "verifier: written", of: (row) => row.verifier.generated_tokens, colour: "var(--part-judged)" },
];
const FLOPS = [
  { part: "engine", of: (row) => row.engine.flops, colour: "var(--part-written)" },
  { part: "verifier", of: (row) => row.verifier.flops, colour: "var(--part-scored)" },
];

function showCost(panel) {
  const units = [["tokens", "Tokens"], ...(report.costs.some((row) => row.engine.flops + row.verifier.flops > 0) ? [["flops", "FLOPs"]] : [])];
  let unit = "tokens";
  let cached = false;
  const figure = element("div", { class: "chart" });
  const key = element("div");
  const heading = element("h3");

  function draw() {
    const parts = (unit === "tokens" ? TOKENS : FLOPS)
      .filter(({ part, of }) => report.costs.some((row) => of(row) > 0) && (cached || !part.includes("cache")));
    fill(heading, `${unit === "tokens" ? "Tokens" : "FLOPs"} of a search`);
    fill(key, colourKey(parts.map(({ part, colour }) => [colour, part])));
    fill(figure, costChart(parts, figure.clientWidth));
  }

  fill(panel, element("h2", {}, "Where the cost lies"),
    element("p", { class: "note" }, "Means per search as it was run, failed searches included. Tokens read from a cache are not computed again. ",
      "A selection that reads no scores needs no verifier; a search that asked one has paid it all the same."),
    element("div", { class: "controls" },
      units.length > 1 ? choice("In", units, unit, (each) => { unit = each; draw(); }) : null,
      element("div", { class: "ticks" }, tick("tokens from caches", cached, (ticked) => { cached = ticked; draw(); }))),
    element("section", { class: "card" }, heading, key, figure),
    card("All figures", null, costTable()));
  return draw;
}

function seriesName(row) {
  return report.runs.length > 1 ? `${row.run} · ${row.strategy}` : row.strategy;
}

function costChart(parts, width) {
  const rows = report.costs.map((row) => ({ ...row, name: `${seriesName(row)}, N = ${row.n}` }));
  const order = d3.sort(rows, (row) => seriesName(row), (row) => row.n).map((row) => row.name);
  const bars = rows.flatMap((row) => parts.map(({ part, of, colour }) => ({ name: row.name, part, colour, value: of(row) })));
  const left = Math.min(width * 0.4, 20 + 6.6 * d3.max(order, (name) => name.length));
  return Plot.plot({
    width, height: 60 + 24 * order.length, marginLeft: left, marginRight: 24, className: "plot", ariaLabel: "Cost by part",
    x: { label: null, grid: true, tickFormat: amount, axis: "top", ticks: Math.round(width / 110) },
    y: { domain: order, label: null, padding: 0.25, tickSize: 0 },
    marks: [
      Plot.barX(bars, { y: "name", x: "value", fill: "colour", order: parts.map(({ colour }) => colour), z: "colour" }),
      Plot.ruleX([0], { stroke: "currentColor" }),
      Plot.tip(rows, Plot.pointerY({ y: "name", x: (row) => d3.sum(parts, ({ of }) => of(row)), maxRadius: 60,
        title: (row) => [row.name, ...parts.map(({ part, of }) => `${part}: ${amount(of(row))}`)].join("\n") })),
    ],
  });
}

function costTable() {
  const spent = (label, value) => ({ label, numeric: true, value, show: (row) => amount(value(row)) });
  return sortableTable("Mean cost of a search", [
    { label: "Strategy", value: seriesName },
    { label: "N", numeric: true, value: (row) => row.n },
    { label: "Searches", numeric: true, value: (row) => row.searches },
    { label: "Failed", numeric: true, value: (row) => row.failed },
    spent("Solutions", (row) => row.solutions),
    ...TOKENS.map(({ part, of }) => spent(part[0].toUpperCase() + part.slice(1), of)),
    spent("Engine FLOPs", (row) => row.engine.flops || null),
    spent("Verifier FLOPs", (row) => row.verifier.flops || null),
    { label: "Seconds", numeric: true, value: (row) => row.seconds, show: (row) => amount(row.seconds) },
  ], report.costs);
}
