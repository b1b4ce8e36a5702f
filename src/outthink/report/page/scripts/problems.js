// The last tab: the problems, who was right about which, and the searches to walk through.

function showProblems(panel) {
  const chosen = { problem: null, search: null, seed: null, step: 0 };
  const filters = { text: "", first: firstPoint(), firstIs: "any", second: firstPoint(), secondIs: "any" };
  const list = element("ul", { class: "problem-list", role: "listbox", "aria-label": "Problems", tabindex: "0" });
  const told = element("p", { class: "note", role: "status" });
  const detail = element("article", { class: "detail", "aria-live": "off" });
  let rows = [];

  function filter() {
    const words = filters.text.toLowerCase().split(/\s+/);
    rows = d3.range(report.problems.length).filter((row) => {
      const { id, question, level, subject } = report.problems[row];
      const text = [id, question, level, subject].join(" ").toLowerCase();
      return words.every((word) => text.includes(word)) && agrees(row, filters.first, filters.firstIs) && agrees(row, filters.second, filters.secondIs);
    });
    const by = graded ? ` In percent: how often ${pointName(filters.first)} is right.` : "";
    told.textContent = `${count(rows.length, "problem")} of ${report.problems.length.toLocaleString("en")}.${by}`;
    fill(list, rows.map((row) => problemItem(row, filters, () => open(row))));
    mark();
  }

  function mark() {
    [...list.children].forEach((item, place) => {
      const current = rows[place] === chosen.problem;
      item.setAttribute("aria-selected", String(current));
      if (current) {
        list.setAttribute("aria-activedescendant", item.id);
        // Not `scrollIntoView`, which would move the whole page.
        const [above, below] = [item.offsetTop - list.scrollTop, item.offsetTop + item.offsetHeight - list.scrollTop - list.clientHeight];
        list.scrollTop += Math.min(0, above) + Math.max(0, below);
      }
    });
  }

  function open(row, wanted = null) {
    chosen.problem = row;
    mark();
    fill(detail, problemView(row, wanted ?? chosen.search, (place) => {
      chosen.search = place;
      history.replaceState(null, "", `#problems/${row}/${encodeURIComponent(place)}`);
    }));
  }

  /** Goes so many problems on in the list. */
  function go(by) {
    const at = rows.indexOf(chosen.problem);
    const next = rows[clamp(at + by, 0, rows.length - 1)];
    if (next !== undefined && next !== chosen.problem) open(next);
  }

  list.addEventListener("keydown", (event) => {
    const by = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10, Home: -rows.length, End: rows.length }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    go(by);
  });
  panel.addEventListener("keydown", (event) => {
    const by = { "]": 1, "[": -1 }[event.key];
    if (by !== undefined && !["INPUT", "SELECT"].includes(event.target.tagName)) go(by);
  });
  fill(panel,
    element("h2", {}, "Problems"),
    element("div", { class: "browser" },
      element("aside", {}, problemFilters(filters, filter), told, list),
      detail));
  filter();
  const [, row, place] = location.hash.slice(1).split("/");
  if (report.problems[row]) open(Number(row), place ? decoded(place) : null);
  else if (rows.length) open(rows[0]);
  return () => {};
}

/** A part of an address; one that was mangled on its way is as good as none. */
function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return null;
  }
}

/** The most accurate point of all, for filters to begin with. */
function firstPoint() {
  return d3.greatest(report.points.filter((point) => !isOracle(report.methods[point.method])), (point) => point.value ?? -1);
}

function pointName(point) {
  return `${report.methods[point.method].name}, N = ${point.n}`;
}

function agrees(row, point, is) {
  const share = point?.right[row] ?? null;
  if (is === "any") return true;
  return share !== null && (is === "right" ? share >= 50 : share < 50);
}

function problemFilters(filters, filter) {
  const pointsByName = d3.sort(report.points.filter((point) => point.value !== null), (point) => point.method, (point) => point.n)
    .map((point) => [point, pointName(point)]);
  const set = (name) => (value) => { filters[name] = value; filter(); };
  const states = [["any", "any"], ["right", "right"], ["wrong", "wrong"]];
  const pair = (which, label) => element("div", { class: "pair" },
    pulldown(label, pointsByName, filters[which], set(which)), choice("", states, filters[`${which}Is`], set(`${which}Is`)));
  return element("details", { class: "filters", open: window.innerWidth > 860 }, element("summary", {}, "Find problems"),
    element("label", { class: "pulldown" }, element("span", {}, "Text"),
      element("input", { type: "search", oninput: (event) => set("text")(event.target.value) })),
    graded ? [pair("first", "Where"), pair("second", "and where")] : null);
}

function problemItem(row, filters, choose) {
  const problem = report.problems[row];
  const share = filters.first?.right[row];
  return element("li", { role: "option", id: `problem-${row}`, onclick: choose },
    element("span", { class: "problem-name" }, String(row + 1)),
    element("span", { class: "problem-text", dir: "auto" }, shortened(problem.question, 90)),
    share === null || share === undefined ? null : element("span", { class: "problem-share" }, `${share} %`));
}
