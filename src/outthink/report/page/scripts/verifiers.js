// The third tab: do the verifier's scores tell right solutions from wrong ones?

function showVerifier(panel) {
  if (!report.verifiers.length) {
    fill(panel, element("h2", {}, "Verifier"), element("p", { class: "notice" },
      "There are no scored solutions that are known to be right or wrong."));
    return () => {};
  }
  let run = report.verifiers[0];
  let chosen = run.aggregates.find(({ aggregate }) => aggregate === usualAggregate(run.run)) ?? run.aggregates[0];
  const head = element("div", { class: "controls" });
  const summary = element("p", { class: "note" });
  const [ranks, reliability, scores] = ["", "", ""].map(() => element("div", { class: "chart" }));

  function controls() {
    fill(head,
      report.verifiers.length > 1
        ? pulldown("Run", report.verifiers.map((each) => [each, each.run]), run, (each) => { run = each; pick(chosen.aggregate); })
        : null,
      choice("A solution's score", run.aggregates.map(({ aggregate }) => [aggregate, AGGREGATES[aggregate]]), chosen.aggregate, pick));
  }

  function pick(aggregate) {
    chosen = run.aggregates.find((each) => each.aggregate === aggregate) ?? run.aggregates[0];
    draw();
  }

  function draw() {
    summary.textContent = `${count(run.right + run.wrong, "solution")} of ${count(run.problems, "problem")}, ` +
      `${percent(run.right / (run.right + run.wrong), 0)} % right; ` +
      (run.pooled ? "independent samples." : "left over by searches, and so of a kind that the verifier likes.");
    fill(ranks, rankChart(run, ranks.clientWidth));
    fill(reliability, reliabilityChart(chosen, reliability.clientWidth),
      element("p", { class: "figures" }, `ECE ${decimal(chosen.ece)}, Brier ${decimal(chosen.brier)}`));
    fill(scores, scoreChart(chosen, scores.clientWidth));
  }

  fill(panel, element("h2", {}, "What the verifier is worth"), summary, head,
    element("div", { class: "cards" },
      card("Telling right from wrong", "AUC: the chance that a right solution has a higher score than a wrong one; 0.5 knows nothing. " +
        "Selection lives by the AUC within problems.",
        colourKey([["var(--accent)", "within problems"], ["var(--muted)", "all solutions"]], true), ranks),
      card("Meaning what it says", "Solutions in ten bins of equal size by score: of those scored 0.8, 80 % should be right. " +
        "ECE is the mean distance from the diagonal.", reliability),
      card("Scores given", "Right solutions above the line, wrong ones below, each as shares of their own.",
        colourKey([["var(--right)", "right"], ["var(--wrong)", "wrong"]]), scores)));
  controls();
  return draw;
}

const AGGREGATES = { last: "last step", min: "lowest step", mean: "mean of steps", prod: "product of steps" };

/** The aggregate that a run's methods read. */
function usualAggregate(run) {
  return report.methods.find((method) => method.run === run && method.aggregate !== null)?.aggregate;
}

function decimal(estimate) {
  if (estimate.value === null) return NOTHING;
  return `${estimate.value.toFixed(3)} ${interval(estimate.low, estimate.high, (value) => value.toFixed(3))}`;
}

/** AUCs of every aggregate, over all solutions and within problems. */
function rankChart(run, width) {
  const rows = run.aggregates.flatMap((each) => [
    { how: AGGREGATES[each.aggregate], kind: "within problems", ...each.within },
    { how: AGGREGATES[each.aggregate], kind: "all solutions", ...each.auc },
  ]).filter((row) => row.value !== null);
  const colour = (row) => (row.kind === "all solutions" ? "var(--muted)" : "var(--accent)");
  const lowest = Math.min(0.5, d3.min(rows, (row) => row.low ?? row.value));
  return Plot.plot({
    width, height: 40 + 56 * run.aggregates.length, marginLeft: 110, marginRight: 16, className: "plot", ariaLabel: "AUC by aggregate",
    x: { domain: [Math.floor(lowest * 10) / 10, 1], grid: true, label: null },
    y: { label: null, domain: ["within problems", "all solutions"], axis: null, padding: 0.5 },
    fy: { label: null, domain: run.aggregates.map(({ aggregate }) => AGGREGATES[aggregate]), axis: null },
    marks: [
      Plot.ruleX([0.5], { stroke: "var(--muted)", strokeDasharray: "5 4" }),
      Plot.text(run.aggregates.map(({ aggregate }) => AGGREGATES[aggregate]), { fy: (how) => how, text: (how) => how, frameAnchor: "left", dx: -104, textAnchor: "start" }),
      Plot.ruleY(rows.filter((row) => row.low !== null), { fy: "how", y: "kind", x1: "low", x2: "high", stroke: colour, strokeWidth: 2.5 }),
      Plot.dot(rows, { fy: "how", y: "kind", x: "value", fill: colour, r: 5 }),
      Plot.tip(rows, Plot.pointer({ fy: "how", y: "kind", x: "value", title: (row) => `${row.how}, ${row.kind}\n${decimal(row)}`, maxRadius: 30 })),
    ],
  });
}

function reliabilityChart(chosen, width) {
  const size = Math.min(width, 400);
  return Plot.plot({
    width: size, height: size * 0.86, marginLeft: 44, marginBottom: 38, className: "plot", ariaLabel: "Reliability curve",
    x: { domain: [0, 1], label: "mean score", labelAnchor: "center", labelArrow: "none", ticks: 5 },
    y: { domain: [0, 1], label: "share right", labelArrow: "none", grid: true, ticks: 5 },
    r: { range: [3, 9], domain: [0, d3.max(chosen.bins, (bin) => bin.count)] },
    marks: [
      Plot.line([[0, 0], [1, 1]], { stroke: "var(--muted)", strokeDasharray: "5 4" }),
      Plot.ruleX(chosen.bins, { x: "score", y1: "score", y2: "right", stroke: "var(--accent)", strokeOpacity: 0.35, strokeWidth: 3 }),
      Plot.line(chosen.bins, { x: "score", y: "right", stroke: "var(--accent)", strokeWidth: 2 }),
      Plot.dot(chosen.bins, { x: "score", y: "right", r: "count", fill: "var(--accent)" }),
      Plot.tip(chosen.bins, Plot.pointer({
        x: "score", y: "right", maxRadius: 30,
        title: (bin) => `mean score ${bin.score.toFixed(2)}\n${percent(bin.right)} % right\n${count(bin.count, "solution")}`,
      })),
    ],
  });
}

function scoreChart(chosen, width) {
  const rows = ["right", "wrong"].flatMap((kind) => {
    const counts = chosen.histogram[kind];
    const total = Math.max(1, d3.sum(counts));
    const sign = kind === "right" ? 1 : -1;
    return counts.map((number, place) => ({ kind, number, low: place / counts.length, high: (place + 1) / counts.length, share: (sign * 100 * number) / total }));
  });
  return Plot.plot({
    width, height: 300, marginLeft: 44, marginBottom: 38, className: "plot", ariaLabel: "Histogram of scores",
    x: { domain: [0, 1], label: "score", labelAnchor: "center", labelArrow: "none", ticks: 5 },
    y: { label: "share, %", labelArrow: "none", grid: true, tickFormat: (value) => Math.abs(value), ticks: 6 },
    marks: [
      Plot.rectY(rows, { x1: "low", x2: "high", y: "share", insetLeft: 0.5, insetRight: 0.5, fill: (row) => (row.kind === "right" ? "var(--right)" : "var(--wrong)") }),
      Plot.ruleY([0], { stroke: "currentColor" }),
      Plot.tip(rows, Plot.pointerX({
        x: (row) => (row.low + row.high) / 2, y: "share", maxRadius: 30,
        title: (row) => `score ${row.low.toFixed(2)} to ${row.high.toFixed(2)}\n${count(row.number, `${row.kind} solution`)}`,
      })),
    ],
  });
}
