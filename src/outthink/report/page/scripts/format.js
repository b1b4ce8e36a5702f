// Numbers as they are read.

const NOTHING = "–";
const MINUS = "−";

function percent(share, digits = 1) {
  return share === null || share === undefined ? NOTHING : (100 * share).toFixed(digits);
}

/** A difference of shares in points, with its sign. */
function points(difference, digits = 1) {
  if (difference === null || difference === undefined) return NOTHING;
  const size = Math.abs(100 * difference).toFixed(digits);
  return Number(size) === 0 ? size : (difference < 0 ? MINUS : "+") + size;
}

function probability(p) {
  return p < 0.001 ? "< 0.001" : p.toFixed(3);
}

function interval(low, high, show) {
  return low === null || low === undefined ? "" : `[${show(low)}, ${show(high)}]`;
}

/** A share and its interval: "52.0 % [40, 64]". */
function share(estimate) {
  const between = interval(estimate.low, estimate.high, (value) => percent(value, 0));
  return estimate.value === null ? NOTHING : `${percent(estimate.value)} % ${between}`.trim();
}

/** A number of any size in three digits: "12.3k", "4.56e12" as "4.56T". */
function amount(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return NOTHING;
  if (value !== 0 && Math.abs(value) < 0.01) return value.toExponential(1);
  if (Math.abs(value) < 1000) return String(Number(value.toPrecision(3)));
  return d3.format("~s")(Number(value.toPrecision(3))).replace("G", "B");
}

function seconds(value) {
  if (value === null || value === undefined) return NOTHING;
  return value < 1 ? `${amount(1000 * value)} ms` : `${amount(value)} s`;
}

function count(number, thing, things = `${thing}s`) {
  return `${number.toLocaleString("en")} ${number === 1 ? thing : things}`;
}

/** Long text cut to a length, for labels. */
function shortened(text, length) {
  const line = text.replace(/\s+/g, " ").trim();
  const letters = Array.from(line);
  return letters.length > length ? `${letters.slice(0, length - 1).join("")}…` : line;
}
