// Why an answer won: what each selection counted for each answer.

/** A table of answers; `show(verdict)` is called when another selection is looked at, `point(answer)` at an answer. */
function reasons(search, show, point) {
  const content = element("div");
  if (!search.verdicts.length || !search.answers.length) {
    return element("p", { class: "notice" }, "No finished solution gave an answer.");
  }
  let chosen = search.verdicts.find(({ selection }) => selection === "weighted") ?? search.verdicts[0];

  function draw() {
    fill(content, element("p", {}, ...sentence(search, chosen)), answerTable(search, chosen, point));
    show(chosen);
  }

  const options = search.verdicts.map((verdict) => [verdict, verdict.aggregate ? `${verdict.selection} (${verdict.aggregate})` : verdict.selection]);
  draw();
  return element("div", {}, options.length > 1 ? choice("Selected by", options, chosen, (verdict) => { chosen = verdict; draw(); }) : null, content);
}

function sentence(search, verdict) {
  if (verdict.winner === null) return ["No solution states an answer, so none was chosen."];
  const winner = search.answers[verdict.winner];
  const { counted, unit } = countedBy(search, verdict);
  const total = d3.sum(counted, (value) => value ?? 0);
  const own = counted[verdict.winner] ?? 0;
  const reason = unit === "highest score" ? `its best solution has the score ${own.toFixed(2)}`
    : `it has ${amount(own)} of ${amount(total)} in ${unit} (${percent(total ? own / total : 0, 0)} %)`;
  return [element("strong", { class: "answer", dir: "auto" }, shortened(winner.text, 60)), " ", verdictMark(winner.correct) ?? "",
    ` won: ${reason}, from ${count(winner.votes, "solution")} of ${search.leaves.length}.`];
}

const COUNTED = { votes: "Votes", "summed scores": "Sum", "highest score": "Highest" };

/** What a selection goes by, for each answer. */
function countedBy(search, verdict) {
  if (verdict.selection === "majority" || verdict.sums === null) {
    return { counted: search.answers.map(({ weight }) => weight), unit: "votes" };
  }
  return verdict.selection === "weighted" ? { counted: verdict.sums, unit: "summed scores" } : { counted: verdict.highest, unit: "highest score" };
}

function answerTable(search, verdict, point) {
  const { counted, unit } = countedBy(search, verdict);
  const most = d3.max(counted, (value) => value ?? 0) || 1;
  const plain = (value) => (value === null || value === undefined ? NOTHING : amount(value));
  const weighted = search.answers.some(({ votes, weight }) => votes !== weight);
  const rows = search.answers.map((answer, place) => ({ answer, place, counted: counted[place] }));
  const best = verdict.sums && unit !== "highest score";
  const columns = [
    { label: "Answer", value: ({ answer }) => answer.text, show: (row) => answerButton(row, row.place === verdict.winner, point) },
    { label: COUNTED[unit], value: (row) => row.counted, show: (row) => meter(row.counted, most, row.place === verdict.winner) },
    { label: "Solutions", numeric: true, value: ({ answer }) => answer.votes },
    ...(weighted ? [{ label: "Weight", numeric: true, value: ({ answer }) => answer.weight, show: ({ answer }) => plain(answer.weight) }] : []),
    ...(best ? [{ label: "Highest", numeric: true, value: ({ place }) => verdict.highest[place], show: ({ place }) => scoreChip(verdict.highest[place]) }] : []),
  ];
  const table = sortableTable("Answers", columns, rows, { column: 1, descending: true });
  table.classList.add("answers-table");
  return table;
}

function answerButton({ answer, place }, won, point) {
  const button = element("button", {
    class: won ? "answer won" : "answer", dir: "auto", title: answer.text,
    onmouseenter: () => point(place), onmouseleave: () => point(null), onfocus: () => point(place), onblur: () => point(null),
  }, shortened(answer.text, 32));
  return element("span", { class: "answered" }, button, verdictMark(answer.correct));
}

function meter(value, most, won) {
  const bar = element("span", { class: won ? "meter won" : "meter" });
  bar.style.setProperty("--length", `${(100 * (value ?? 0)) / most}%`);
  return element("span", { class: "counted" }, bar, element("span", { class: "numeric" }, amount(value)));
}
