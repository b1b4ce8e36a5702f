// Accuracy against cost: lines with bands, the Pareto front, what no selection can beat, and what one solution is worth.

/** The points of the methods that are shown and have a place on the axis. */
function drawable(all, axis) {
  return all.filter((point) => point.value !== null && point.costs[axis] > 0 && view.shown.has(point.method));
}

/** The points that no other, cheaper one is as right as. */
function paretoFront(all, axis) {
  let best = -1;
  return d3.sort(all, (point) => point.costs[axis], (point) => -point.value).filter((point) => {
    const better = point.value > best;
    if (better) best = point.value;
    return better;
  });
}

/** Of the strategies shown, what is right if any solution is; only of independent samples, whose selections it bounds. */
function ceilings(all, axis) {
  const series = new Set([...view.shown].map((number) => seriesOf(report.methods[number])));
  return all.filter((point) => {
    const method = report.methods[point.method];
    return isOracle(method) && method.pooled && series.has(seriesOf(method)) && point.value !== null && point.costs[axis] > 0;
  });
}

function greedyPoints(all) {
  return all.filter((point) => {
    const method = report.methods[point.method];
    return isGreedy(method) && !isOracle(method) && point.value !== null;
  });
}

/** The range of the vertical axis for some points, in percent. */
function accuracyDomain(all, axis) {
  const seen = [...drawable(all, axis), ...(view.oracle ? ceilings(all, axis) : []), ...(view.greedy ? greedyPoints(all) : [])];
  if (!seen.length) return [0, 100];
  const low = d3.min(seen, (point) => (view.bands ? point.low ?? point.value : point.value));
  const high = d3.max(seen, (point) => (view.bands ? point.high ?? point.value : point.value));
  return [Math.max(0, 100 * low - 3), Math.min(100, 100 * high + 3)];
}

/** One chart of points. `domain`: of the vertical axis, in percent. */
function curves(all, { axis, width, height, domain, label }) {
  const lines = d3.groups(drawable(all, axis), (point) => point.method);
  const bounds = view.oracle ? ceilings(all, axis) : [];
  const singles = view.greedy ? greedyPoints(all) : [];
  const everything = [...lines.flatMap(([, mine]) => mine), ...bounds, ...singles.filter((point) => point.costs[axis] > 0)];
  const x = (point) => point.costs[axis];
  const y = (point) => 100 * point.value;
  const dim = (number) => (view.highlighted === null || view.highlighted === number ? 1 : 0.15);
  const marks = [
    Plot.ruleY(singles, { y, stroke: "var(--muted)", strokeDasharray: "5 4" }),
    width > 420 ? Plot.text(singles, { y, text: (point) => report.methods[point.method].name, frameAnchor: "right", dy: -7, fill: "var(--muted)", stroke: "var(--surface)", textAnchor: "end" }) : null,
    view.front ? Plot.line(paretoFront(everything.filter((point) => !bounds.includes(point)), axis),
      { x, y, curve: "step-after", stroke: "var(--front)", strokeWidth: 9, strokeLinejoin: "round" }) : null,
    d3.groups(bounds, (point) => point.method).map(([number, mine]) => Plot.line(mine,
      { x, y, stroke: look(report.methods[number]).colour, strokeDasharray: "1 4", strokeLinecap: "round", strokeWidth: 2 })),
    // Where many bands lie on each other, each has to be fainter.
    view.bands ? lines.map(([number, mine]) => band(number, mine, x, Math.min(0.13, 0.5 / lines.length), dim(number))) : null,
    lines.map(([number, mine]) => line(number, mine, x, y, dim(number))),
    lines.map(([number, mine]) => Plot.dot(mine, {
      x, y, symbol: look(report.methods[number]).symbol, fill: look(report.methods[number]).colour, r: 4.5, opacity: dim(number),
    })),
    Plot.tip(everything, Plot.pointer({ x, y, title: described, maxRadius: 40, fontSize: 12, lineHeight: 1.35 })),
  ];
  return Plot.plot({
    width,
    height,
    marginTop: 26,
    marginLeft: 40,
    marginRight: 16,
    marginBottom: 38,
    ariaLabel: label,
    className: "plot",
    x: {
      type: "log", base: 2, label: report.axes.find(({ name }) => name === axis)?.label, labelAnchor: "center", labelArrow: "none",
      ticks: roundNumbers(axis, everything.map(x), Math.max(3, Math.min(10, Math.round(width / 90)))), tickFormat: amount, tickSize: 4,
    },
    y: { domain, grid: true, label: "right, %", labelArrow: "none", tickSize: 0, ticks: Math.max(4, Math.round(height / 55)) },
    marks,
  });
}

/** Where to mark a logarithmic axis, in at most so many places: N doubles; else powers of 10 are round, and 2 and 5 times them. */
function roundNumbers(axis, costs, most) {
  const [low, high] = d3.extent(costs);
  if (low === undefined) return most;
  const [base, ...factors] = axis === "samples" ? [2, 1] : [10, 1, 2, 5];
  const powers = d3.range(Math.floor(Math.log(low) / Math.log(base)), Math.log(high) / Math.log(base) + 1);
  const marked = (every, by) => powers.filter((power) => power % every === 0).flatMap((power) => by.map((factor) => factor * base ** power))
    .filter((value) => value >= low && value <= high);
  const found = [marked(1, factors), marked(1, [1]), marked(2, [1]), marked(4, [1])].find((each) => each.length <= most) ?? [];
  return found.length > 1 ? found : most;
}

function band(number, mine, x, faint, opacity) {
  const known = mine.filter((point) => point.low !== null);
  const channels = { x, y1: (point) => 100 * point.low, y2: (point) => 100 * point.high };
  const { colour } = look(report.methods[number]);
  if (known.length > 1) return Plot.areaY(known, { ...channels, fill: colour, fillOpacity: faint * opacity });
  return Plot.ruleX(known, { ...channels, stroke: colour, strokeWidth: 5, strokeOpacity: 0.3 * opacity });
}

function line(number, mine, x, y, opacity) {
  const { colour, dash } = look(report.methods[number]);
  return Plot.line(mine, { x, y, stroke: colour, strokeWidth: 2, strokeDasharray: dash ?? "none", opacity });
}

/** A point in words, for the box that appears at the pointer. */
function described(point) {
  const method = report.methods[point.method];
  const costs = report.axes.filter(({ name }) => name !== "samples" && point.costs[name] !== null)
    .map(({ name, label }) => `${label}: ${amount(point.costs[name])}`);
  return [`${method.name}, N = ${point.n}`, share(point), ...costs].join("\n");
}
