// Below the comparisons: the methods beside larger models, at the FLOPs that these take.

function largerModels() {
  const asked = d3.groups(report.larger, (each) => each.larger.name, (each) => each.ratio);
  return asked.flatMap(([, ratios]) => ratios.map(([ratio, rows]) => largerModel(rows[0].larger, ratio, rows)));
}

function largerModel(larger, ratio, rows) {
  const training = ratio === null ? "" : ` Its training is counted in, ${ratio.toLocaleString("en")} tokens written for each trained on.`;
  return card(`For the FLOPs of ${larger.name}`,
    `${amount(larger.parameters)} parameters, ${percent(larger.accuracy)} % as reported in ${larger.source}; the report is taken to ` +
    `be exact. Shown is the largest N that costs no more.${training}`,
    sortableTable(`Beside ${larger.name}`, [
      { label: "Method", value: (row) => report.methods[row.method].name, show: (row) => named(report.methods[row.method]) },
      { label: "N", numeric: true, value: (row) => row.n, show: (row) => (row.n === null ? "all cost more" : String(row.n)) },
      { label: "FLOPs", numeric: true, value: (row) => row.flops, show: (row) => amount(row.flops) },
      { label: "Accuracy, %", numeric: true, value: (row) => row.accuracy, show: (row) => percent(row.accuracy) },
      { label: "Points", numeric: true, value: (row) => row.value, show: (row) => points(row.value) },
      { label: "95 %", numeric: true, value: (row) => row.low, show: (row) => interval(row.low, row.high, (value) => points(value)) },
    ], rows, { column: 4, descending: true }));
}
