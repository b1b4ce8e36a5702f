// The first tab: what each method is worth at each cost.

function showAccuracy(panel) {
  const head = element("h2", {}, "Accuracy against cost");
  const table = card("All figures", null, resultsTable());
  if (!graded) {
    fill(panel, head, element("p", { class: "notice" }, "The problems have no reference answers: nothing is known to be right or wrong."), table);
    return () => {};
  }
  const figure = element("div", { class: "figure" });
  const axes = report.axes.map(({ name, label }) => [name, label]);
  fill(panel,
    head,
    element("p", { class: "note" }, "Means over problems, with 95 % intervals. The broad line is the Pareto front of all that is shown: ",
      "what is best for its price. The dotted line is pass@N of the samples: right if any of N is, which no selection can beat."),
    element("div", { class: "controls" },
      choice("Cost", axes, view.axis, (axis) => change({ axis })),
      element("div", { class: "ticks" },
        tick("95 % bands", view.bands, (bands) => change({ bands })),
        tick("Pareto front", view.front, (front) => change({ front })),
        tick("pass@N", view.oracle, (oracle) => change({ oracle })),
        tick("greedy", view.greedy, (greedy) => change({ greedy })))),
    element("div", { class: "with-legend" }, figure, legend()),
    table);
  return () => {
    const width = figure.clientWidth;
    fill(figure, curves(report.points, {
      axis: view.axis, width, height: Math.max(300, Math.min(520, width * 0.62)),
      domain: accuracyDomain(report.points, view.axis), label: "Accuracy against cost",
    }));
  };
}

function resultsTable() {
  const method = (point) => report.methods[point.method];
  const costs = report.axes.filter(({ name }) => name !== "samples").map(({ name, label }) => ({
    label, numeric: true, value: (point) => point.costs[name], show: (point) => amount(point.costs[name]),
  }));
  return sortableTable("Accuracy and mean cost per problem", [
    { label: "Method", value: (point) => method(point).name, show: (point) => named(method(point)) },
    { label: "N", numeric: true, value: (point) => point.n },
    { label: "Right, %", numeric: true, value: (point) => point.value, show: (point) => percent(point.value) },
    { label: "95 %", numeric: true, value: (point) => point.low, show: (point) => interval(point.low, point.high, (value) => percent(value)) },
    { label: "Problems", numeric: true, value: (point) => point.problems },
    ...costs,
  ], report.points, { column: 2, descending: true });
}

/** A method with its line and mark. */
function named(method) {
  return element("span", { class: "named" }, swatch(method), method.name);
}
