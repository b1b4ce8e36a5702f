// Reading a path: the steps from the prompt to the chosen one, and the ways on from there.

/** The path to a step as a list; `choose(index)` goes to another. */
function reading(search, index, choose) {
  const step = search.steps[index];
  const path = pathTo(search.steps, step);
  return [
    element("ol", { class: "path" }, path.map((each) => element("li", { class: each === step ? "current" : null, "aria-current": each === step ? "step" : null },
      each.prompt ? promptView(search, each) : stepView(each, choose)))),
    endView(search, step),
    step.children.length ? waysOn(step, choose) : null,
  ];
}

/** A step in a sentence, for those who hear the page. */
function inWords(search, step) {
  const depth = pathTo(search.steps, step).length - 1;
  if (step.prompt) return `Prompt, ${count(step.children.length, "way on", "ways on")}`;
  const score = step.score === null ? "no score" : `score ${step.score.toFixed(2)}`;
  const correct = correctness(search, step);
  const end = step.leaf ? `, a ${correct === true ? "right " : correct === false ? "wrong " : ""}solution` : `, ${count(step.children.length, "way on", "ways on")}`;
  return `Step ${depth}, ${score}${end}: ${shortened(step.text, 200)}`;
}

function promptView(search, step) {
  const messages = step.index === 0 ? search.messages : search.turns[step.index] ?? [];
  return element("details", { open: step.index !== 0 },
    element("summary", {}, step.index === 0 ? "Prompt" : "Asked anew", step.tokens ? element("span", { class: "muted" }, ` ${count(step.tokens, "token")}`) : null),
    messages.map(({ role, content }) => [element("p", { class: "role" }, role), written(content)]));
}

function stepView(step, choose) {
  const times = [["begun", step.began], ["written", step.written], ["scored", step.scored]].filter(([, time]) => time !== null)
    .map(([what, time]) => `${what} at ${seconds(time)}`);
  return [
    element("button", { class: "step-head", onclick: () => choose(step.index), title: times.join(", ") },
      scoreChip(step.score), element("span", { class: "muted" }, [count(step.tokens, "token"), times.at(-1)].filter(Boolean).join(", "))),
    step.text.trim() ? written(step.text.replace(/\s+$/, "")) : element("p", { class: "muted" }, "(blank)"),
  ];
}

const ENDS = { length: "Cut at a cap on tokens: no solution.", context: "Cut where the context ends: no solution." };

function endView(search, step) {
  if (step.leaf) {
    const text = step.answer === null ? "no answer" : search.answers[step.answer].text;
    return element("p", { class: "end" }, "Answer: ", element("strong", { dir: "auto" }, shortened(text, 120)), " ", verdictMark(correctness(search, step)) ?? "");
  }
  if (ENDS[step.finish]) return element("p", { class: "end" }, ENDS[step.finish]);
  return step.children.length || step.prompt ? null : element("p", { class: "end muted" }, "Not followed any further.");
}

function waysOn(step, choose) {
  return element("div", { class: "ways" }, element("h4", {}, count(step.children.length, "way on", "ways on")),
    element("ul", {}, step.children.map((child) => element("li", {},
      element("button", { class: child.kept ? "way-on" : "way-on pruned", onclick: () => choose(child.index) },
        scoreChip(child.score), element("span", { dir: "auto" }, child.prompt ? "asked anew" : shortened(child.text, 110) || "(blank)"))))));
}
