// Searches, unpacked: from columns to steps, with what lies above and below each.

/** The search whose packed form is given, as {steps, leaves, answers, verdicts, messages, turns, stopped}. */
async function unpacked(packed) {
  const bytes = Uint8Array.from(atob(packed), (character) => character.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  const { nodes, leaf_answers: answerOf, ...search } = JSON.parse(await new Response(stream).text());
  const steps = nodes.parent.map((parent, index) => ({
    index,
    parent,
    ordinal: nodes.ordinal[index],
    text: nodes.text[index],
    score: nodes.score[index],
    tokens: nodes.tokens[index],
    finish: nodes.finish[index],
    weight: nodes.weight[index],
    prompt: index === 0 || nodes.turn[index] === 1,
    began: nodes.began[index],
    written: nodes.written[index],
    scored: nodes.scored[index],
    children: [],
    answer: null,
    leaf: false,
    kept: false,
  }));
  for (const step of steps.slice(1)) steps[step.parent].children.push(step);
  for (const step of steps) step.children.sort((a, b) => a.ordinal - b.ordinal);
  search.leaves.forEach((index, place) => {
    steps[index].leaf = true;
    steps[index].answer = answerOf[place];
    for (const step of pathTo(steps, steps[index])) step.kept = true;
  });
  return { ...search, steps };
}

/** The steps from the root to one of them. */
function pathTo(steps, step) {
  const path = [];
  for (let at = step; at !== undefined; at = steps[at.parent]) path.unshift(at);
  return path;
}

/** Whether a solution's answer is right; null if there is no reference, undefined if it is no solution. */
function correctness(search, step) {
  if (!step.leaf) return undefined;
  return step.answer === null ? (search.answers.every(({ correct }) => correct === null) && search.answers.length ? null : false)
    : search.answers[step.answer].correct;
}
