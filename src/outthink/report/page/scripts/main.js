// The head of the page, and the start of everything.

function masthead() {
  fill(document.getElementById("runs"), report.runs.map((run) => element("div", {},
    report.runs.length > 1 ? element("dt", {}, run.label) : null,
    element("dd", {}, [recipePart("engine", run.engine), recipePart("verifier", run.verifier), recipePart("problems", run.problems)].filter(Boolean).join(" · ")))));
  fill(document.getElementById("tiles"), tiles().map(([value, label, note]) => element("li", {},
    element("strong", {}, value), element("span", {}, label), note ? element("small", {}, note) : null)));
  fill(document.getElementById("colophon"), element("p", {},
    `Made by outthink ${report.version}. Drawn with D3 and Observable Plot, whose licences are in this file's source. This page fetches nothing.`));
}

/** A part of a recipe in a few words: its kind, its model, where it comes from. */
function recipePart(part, given) {
  if (given === null || given === undefined) return null;
  if (typeof given === "string") return `${part} ${given}`;
  const { kind, model, source, split } = given;
  return `${part} ${[kind, model, source, split].filter(Boolean).map(baseName).join(" ")}`;
}

/** Of a path its last part; "owner/name" and "builtin:name" are no paths. */
function baseName(name) {
  return String(name).split("/").length > 2 ? String(name).replace(/\/+$/, "").split("/").at(-1) : String(name);
}

/** What a hurried reader should take away. */
function tiles() {
  const known = report.points.filter((point) => point.value !== null);
  const best = d3.greatest(known.filter((point) => !isOracle(report.methods[point.method])), (point) => point.value);
  const greedy = greedyPoints(report.points)[0];
  const ceiling = d3.greatest(known.filter((point) => isOracle(report.methods[point.method]) && report.methods[point.method].pooled), (point) => point.value);
  const searched = d3.sum(report.costs, (row) => row.searches);
  const failed = d3.sum(report.costs, (row) => row.failed);
  const told = [];
  const size = [count(report.problems.length, "problem"), count(report.seeds.length, "seed"),
    `${count(searched, "search", "searches")}${failed ? `, ${failed} failed` : ""}`];
  if (best) {
    told.push([`${percent(best.value)} %`, `${report.methods[best.method].name}, N = ${best.n}`, `the highest of ${known.length} figures`]);
    if (greedy) told.push([`${percent(greedy.value)} %`, `${report.methods[greedy.method].name}: one solution`, interval(greedy.low, greedy.high, (value) => percent(value, 0))]);
    if (ceiling) told.push([`${percent(ceiling.value)} %`, `pass@${ceiling.n}`, "a right one among the samples"]);
  }
  return [...told, size];
}

masthead();
tabbed();
