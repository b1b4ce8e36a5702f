// What choosing the method by difficulty would be worth, on problems that had no part in the choice.

function policyCard() {
  const ways = d3.groups(report.policies, (each) => JSON.stringify([each.run, each.difficulty]))
    .map(([, decisions]) => ({ run: decisions[0].run, difficulty: decisions[0].difficulty, decisions }));
  if (!ways.length) return null;
  const body = element("div");
  const show = (way) => fill(body, policyTable(way.decisions));
  const label = (way) => (report.runs.length > 1 ? `${way.difficulty}, ${way.run}` : way.difficulty);
  show(ways[0]);
  return card("A policy by difficulty",
    "For each budget the best method for each level of difficulty, against the best single method for all. Both are chosen on " +
    "four fifths of the problems and counted on the others. “Known” is a bound: nobody is told the difficulty. " +
    "“Predicted” looks at four samples first, and pays for them.",
    pulldown("Difficulty", ways.map((way) => [way, label(way)]), ways[0], show), body);
}

function policyTable(decisions) {
  const lows = decisions.map(({ gain }) => gain.low ?? 0);
  const highs = decisions.map(({ gain }) => gain.high ?? 0);
  const reach = [Math.min(-0.01, ...lows), Math.max(0.01, ...highs)];
  return sortableTable("Policies by budget", [
    { label: "Budget, N", numeric: true, value: ({ budget }) => budget, show: ({ budget }) => amount(budget) },
    { label: "Policy", value: ({ accuracy }) => accuracy.value, show: ({ accuracy }) => share(accuracy) },
    { label: "Best single method", value: ({ single }) => report.methods[single[0]].name, show: singleMethod },
    { label: "Gain", numeric: true, value: ({ gain }) => gain.value, show: ({ gain }) => points(gain.value) },
    { label: "95 %", value: ({ gain }) => gain.low, show: ({ gain }) => whisker(gain, reach) },
    { label: "What it chooses", value: ({ choices }) => choices.length, show: chosenMethods },
  ], decisions);
}

function singleMethod({ single: [number, n], single_accuracy: accuracy }) {
  return element("span", { class: "named" }, swatch(report.methods[number]),
    `${report.methods[number].name}, N = ${n}: ${percent(accuracy.value)} %`);
}

/** The methods level by level, the easiest first; those next to each other that are the same, once. */
function chosenMethods({ choices }) {
  const runs = [];
  for (const choice of choices) {
    const last = runs.at(-1);
    if (last && last.method === choice.method && last.n === choice.n) last.to = choice.level;
    else runs.push({ ...choice, from: choice.level, to: choice.level });
  }
  return element("ul", { class: "chosen" }, runs.map(({ from, to, method, n }) => element("li", {},
    element("span", { class: "muted" }, from === to ? from : `${from}–${to}`), ` ${report.methods[method].name}, N = ${n}`)));
}
