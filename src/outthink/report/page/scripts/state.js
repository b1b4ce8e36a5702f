// The document, and what the reader has chosen to see of it.

const report = JSON.parse(document.getElementById("document").textContent);

const isOracle = (method) => method.selection === "oracle";
const isGreedy = (method) => method.strategy === "greedy";

const view = {
  axis: report.axes[0]?.name ?? "samples",
  shown: new Set(report.shown),
  bands: true,
  front: true,
  oracle: true,
  greedy: true,
  highlighted: null,
};

/** Whether anything is known to be right or wrong. */
const graded = report.points.some((point) => point.value !== null);

const listeners = new Set();

/** Calls back whenever a choice that several figures share has changed. */
function onChange(listener) {
  listeners.add(listener);
}

function change(choices) {
  Object.assign(view, choices);
  for (const listener of listeners) listener();
}

function seriesOf(method) {
  return JSON.stringify([method.run, method.strategy]);
}
