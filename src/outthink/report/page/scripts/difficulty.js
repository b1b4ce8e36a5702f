// The second tab: what helps with easy problems and what with hard ones.

function showDifficulty(panel) {
  const kinds = report.difficulty;
  if (!kinds.length) {
    fill(panel, element("h2", {}, "Difficulty"), element("p", { class: "notice" },
      "There is nothing to sort problems by: they have no levels, and no independent samples were drawn on all of them."));
    return () => {};
  }
  let chosen = kinds[0];
  const panels = element("div", { class: "panels" });
  const heat = element("div");
  const label = ({ kind, run }) => ({ level: "level of the data set", "pass@1": "share of samples that are right" }[kind] ?? kind) +
    (run !== null && report.runs.length > 1 ? `, ${run}` : "");

  function draw() {
    const points = chosen.bins.flatMap((bin) => bin.points);
    const domain = accuracyDomain(points, view.axis);
    fill(panels, chosen.bins.map((bin) => element("figure", { class: "panel" }, element("figcaption", {},
      element("strong", {}, bin.name), ` ${count(bin.problems.length, "problem")}`))));
    // Only now is it known how much room each has.
    [...panels.children].forEach((figure, place) => figure.append(curves(chosen.bins[place].points, {
      axis: view.axis, width: figure.clientWidth - 2, height: 230, domain, label: `Accuracy, ${chosen.bins[place].name}`,
    })));
  }

  function choose(kind) {
    chosen = kind;
    fill(heat, heatMap(kind));
    draw();
  }

  fill(panel,
    element("h2", {}, "What helps where"),
    element("p", { class: "note" }, "The same curves for problems of one difficulty each. Fifths by the share of right samples are told ",
      "from samples that are held out, by the reference answers: they describe, and are nothing one could know beforehand."),
    element("div", { class: "controls" },
      kinds.length > 3 ? pulldown("Sorted by", kinds.map((kind) => [kind, label(kind)]), chosen, choose)
        : choice("Sorted by", kinds.map((kind) => [kind, label(kind)]), chosen, choose),
      choice("Cost", report.axes.map(({ name, label }) => [name, label]), view.axis, (axis) => change({ axis }))),
    element("div", { class: "with-legend" }, panels, legend()),
    heat, policyCard());
  fill(heat, heatMap(chosen));
  return draw;
}

/** A table of bins and budgets: in each cell the best method, and by how much it beats the next. */
function heatMap(kind) {
  const budgets = d3.sort(new Set(kind.bins.flatMap((bin) => bin.best.map(({ n }) => n))));
  const detail = element("div", { class: "ranks", "aria-live": "polite" },
    element("p", { class: "note" }, "Choose a cell to see all methods in it."));
  const rows = kind.bins.map((bin) => element("tr", {}, element("th", { scope: "row" }, bin.name), budgets.map((n) => {
    const best = bin.best.find((each) => each.n === n);
    return element("td", {}, best ? heatCell(best, () => fill(detail, ranking(bin, best))) : NOTHING);
  })));
  const table = element("table", { class: "heat" },
    element("thead", {}, element("tr", {}, element("td"), budgets.map((n) => element("th", { scope: "col" }, `N = ${n}`)))),
    element("tbody", {}, rows));
  return card("Best method by difficulty and budget",
    "In each cell the most accurate method, its accuracy, and its lead over the next, in points. Strong colour: the lead's 95 % interval lies above 0.",
    element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Best methods" }, table), detail);
}

function heatCell(best, choose) {
  const [number, value] = best.ranks[0];
  const made = element("button", { class: best.lead.low > 0 ? "cell clear" : "cell", onclick: choose },
    element("strong", {}, report.methods[number].name),
    element("span", {}, `${percent(value, 0)} %`, best.lead.value === null ? "" : `, ${points(best.lead.value)}`));
  made.style.setProperty("--cell", look(report.methods[number]).colour);
  return made;
}

/** All methods of a cell as bars, the best first. */
function ranking(bin, best) {
  const between = best.lead.low === null ? "" : ` ${interval(best.lead.low, best.lead.high, (value) => points(value))}`;
  return [
    element("p", {}, element("strong", {}, `${bin.name}, N = ${best.n}`),
      best.lead.value === null ? "" : `: the lead is ${points(best.lead.value)} points${between}`),
    element("ol", { class: "bars" }, best.ranks.map(([number, value]) => {
      const bar = element("span", { class: "bar" });
      bar.style.setProperty("--length", `${100 * value}%`);
      bar.style.setProperty("--cell", look(report.methods[number]).colour);
      return element("li", {}, named(report.methods[number]), bar, element("span", { class: "numeric" }, `${percent(value)} %`));
    })),
  ];
}
