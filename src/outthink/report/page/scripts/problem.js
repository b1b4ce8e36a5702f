// One problem: its question, its searches, and the one that is looked at.

/** The view of a problem. `wanted`: the search to begin with; `chose(place)` is called when one is opened. */
function problemView(row, wanted, chose) {
  const problem = report.problems[row];
  const searches = report.searches.filter((search) => search.problem === row);
  const place = (search) => `${searchName(search)}/${search.seed}`;
  const view = element("div");
  const seeds = [...new Set(searches.map(({ seed }) => seed))];
  const first = searches.find((search) => place(search) === wanted) ??
    d3.greatest(searches.filter(({ seed }) => seed === seeds[0]), (search) => search.n <= 16 ? search.n : -search.n);

  function open(search) {
    chose(place(search));
    picker.mark(search);
    showSearch(view, search);
  }

  const picker = searchPicker(searches, seeds, open);
  const facts = [["Answer", problem.answer], ["Level", problem.level], ["Subject", problem.subject],
    ["Right samples", problem.chance === null ? null : `${percent(problem.chance, 0)} %`]].filter(([, value]) => value !== null);
  if (first) open(first);
  return [
    element("header", {}, element("h3", {}, `Problem ${row + 1}`, element("span", { class: "muted" }, ` ${problem.id}`)),
      written(problem.question, "question"),
      element("dl", { class: "facts" }, facts.map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", { dir: "auto" }, value))))),
    searches.length ? [picker.element, view] : element("p", { class: "notice" }, report.trees
      ? `This report holds the trees of the first ${count(report.trees, "problem")} only. More: --trees all`
      : "This report was made without trees: --trees all puts them in."),
  ];
}

function searchName(search) {
  return `${seriesName(search)}-${search.n}`;
}

/** Buttons for all searches, of one seed at a time, as {element, mark(search)}. */
function searchPicker(searches, seeds, open) {
  const buttons = new Map();
  const button = (name, search) => {
    const made = element("button", { "aria-label": `${name}, N = ${search.n}`, onclick: () => open(search) }, `${search.n}`, searchMark(search));
    buttons.set(search, made);
    return made;
  };
  const groups = seeds.map((seed) => element("div", { class: "series-list", role: "group", "aria-label": `Searches with seed ${seed}` },
    d3.groups(searches.filter((search) => search.seed === seed), seriesName).map(([name, mine]) => element("div", { class: "series" },
      element("span", { class: "series-name" }, name), d3.sort(mine, (search) => search.n).map((search) => button(name, search))))));
  const other = (seed) => searches.find((search) => search.seed === seed && searchName(search) === searchName(current)) ??
    searches.find((search) => search.seed === seed);
  const chooser = element("div");
  let current = null;
  return {
    element: element("div", { class: "picker" }, groups, chooser),
    mark(search) {
      if (seeds.length > 1 && current?.seed !== search.seed && !chooser.contains(document.activeElement)) {
        fill(chooser, choice("Seed", seeds.map((seed) => [seed, String(seed)]), search.seed, (seed) => open(other(seed))));
      }
      current = search;
      groups.forEach((group, place) => { group.hidden = seeds[place] !== search.seed; });
      buttons.forEach((made, each) => made.setAttribute("aria-pressed", String(each === search)));
    },
  };
}

/** Whether what was selected from a search is right: by all its selections, by some, by none. */
function searchMark(search) {
  if (search.error !== null) return element("span", { class: "mark wrong", title: "failed" }, "!");
  const known = search.right.filter((right) => right !== null);
  if (!known.length) return null;
  if (known.every(Boolean)) return verdictMark(true);
  return known.some(Boolean) ? element("span", { class: "mark", role: "img", "aria-label": "right by some selections" }, "◐") : verdictMark(false);
}
