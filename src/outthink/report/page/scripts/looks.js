// What stands for what: a colour for a strategy, a dash and a mark for a selection, a colour for a score.

const SERIES = [...new Set(report.methods.filter((method) => !isGreedy(method)).map(seriesOf))];
const COLOURS = 20;

const SELECTIONS = {
  majority: { dash: "7 4", symbol: "circle" },
  best: { dash: "2 3", symbol: "triangle" },
  weighted: { dash: null, symbol: "diamond" },
  "best-of-majority": { dash: "9 3 2 3", symbol: "square" },
  oracle: { dash: "1 4", symbol: "times" },
};

/** Colour, dash and mark of a method. */
function look(method) {
  const colour = isGreedy(method) ? "var(--muted)" : `var(--series-${SERIES.indexOf(seriesOf(method)) % COLOURS})`;
  return { colour, ...(SELECTIONS[method.selection] ?? SELECTIONS.majority) };
}

/** A method's line and mark, small. */
function swatch(method) {
  const { colour, dash, symbol } = look(method);
  const filled = symbol !== "times";
  const svg = d3.create("svg").attr("class", "swatch").attr("viewBox", "0 0 34 14").attr("aria-hidden", "true");
  svg.append("line").attr("x1", 1).attr("x2", 33).attr("y1", 7).attr("y2", 7)
    .attr("stroke", colour).attr("stroke-width", 2).attr("stroke-dasharray", dash);
  svg.append("path").attr("transform", "translate(17,7)").attr("d", d3.symbol(shapes[symbol], 44)())
    .attr("fill", filled ? colour : "none").attr("stroke", colour).attr("stroke-width", filled ? 0 : 2);
  return svg.node();
}

const shapes = {
  circle: d3.symbolCircle,
  triangle: d3.symbolTriangle,
  diamond: d3.symbolDiamond,
  square: d3.symbolSquare,
  times: d3.symbolTimes,
};

/** From low over middling to high; told apart on light and on dark ground, and without red and green. */
const scoreColour = d3.scaleLinear([0, 0.5, 1], ["#d6490f", "#a8a193", "#1c7ed6"]).interpolate(d3.interpolateLab).clamp(true);

/** A score as a small coloured label. */
function scoreChip(score) {
  if (score === null || score === undefined) return element("span", { class: "score none" }, NOTHING);
  const chip = element("span", { class: "score" }, score.toFixed(2));
  chip.style.setProperty("--score", scoreColour(score));
  return chip;
}

/** Right, wrong or unknown, in more than colour. */
function verdictMark(correct) {
  if (correct === null || correct === undefined) return null;
  return element("span", { class: correct ? "mark right" : "mark wrong", role: "img", "aria-label": correct ? "right" : "wrong" },
    correct ? "✓" : "✗");
}
