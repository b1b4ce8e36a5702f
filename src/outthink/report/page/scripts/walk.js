// Walking through a search: tree, replay, the path to a step, and why an answer won.

/** Puts a search into a view, as soon as it is unpacked. */
async function showSearch(view, record) {
  view.wanted = record;
  const search = await unpacked(record.tree);
  // The reader may have gone on meanwhile.
  if (view.wanted !== record) return;
  const picture = element("div", { class: "picture" });
  const path = element("div", { class: "reading" });
  const spoken = element("p", { class: "spoken", role: "status" });
  const error = record.error === null ? null : element("p", { class: "notice" }, "This search failed, and counts as wrong: ", element("span", { dir: "auto" }, record.error));
  let tree = null;
  let step = 0;
  let verdict = null;

  function go(index) {
    step = index;
    tree.select(index);
    const inside = path.contains(document.activeElement);
    fill(path, reading(search, index, go));
    spoken.textContent = inWords(search, search.steps[index]);
    if (inside) path.querySelector(".current button, .current summary")?.focus();
  }

  function draw() {
    tree = drawTree(search, picture.clientWidth, go);
    fill(picture, tree.element);
    tree.element.addEventListener("keydown", (event) => {
      const next = tree.neighbour(step, event.key);
      if (next === null) return;
      event.preventDefault();
      go(next);
    });
    tree.win(verdict?.leaf ?? null, verdict?.winner ?? null);
    tree.select(step);
  }

  const facts = [count(search.leaves.length, "solution"), count(search.steps.length - 1, "step"), `${amount(record.tokens)} tokens`, seconds(record.seconds),
    search.stopped ? `stopped by the budget of ${search.stopped}` : null].filter(Boolean).join(" · ");
  const zooms = element("div", { class: "zooms" }, [["+", "Zoom in", () => tree.zoom.by(1.6)], ["−", "Zoom out", () => tree.zoom.by(1 / 1.6)], ["⤢", "Whole tree", () => tree.zoom.reset()]]
    .map(([sign, label, onclick]) => element("button", { "aria-label": label, title: label, onclick }, sign)));
  const replayed = element("div");
  const why = element("div");
  fill(view, error, element("div", { class: "stage" }, element("div", { class: "stage-head" }, element("span", { class: "muted" }, facts), scoreKey(), zooms), picture, replayed, spoken),
    element("div", { class: "two" }, element("section", { class: "card" }, element("h3", {}, "Path"), path), element("section", { class: "card" }, element("h3", {}, "Why this answer"), why)));
  draw();
  fill(replayed, replay(search, (moment) => tree.showAt(moment)));
  fill(why, reasons(search, (each) => { verdict = each; tree.win(each.leaf, each.winner); go(each.leaf ?? 0); }, (answer) => tree.highlight(answer ?? verdict?.winner ?? null)));
  if (verdict === null) go(0);
  redrawWhenResized(picture, draw);
}

/** What colours and shapes in a tree say. */
function scoreKey() {
  const ramp = element("span", { class: "ramp" });
  ramp.style.background = `linear-gradient(to right, ${d3.range(0, 1.01, 0.1).map(scoreColour).join(", ")})`;
  return element("span", { class: "score-key", "aria-hidden": "true" }, "score 0", ramp, "1", element("span", { class: "shape" }, "◆ right"), element("span", { class: "shape" }, "✚ wrong"));
}

/** Calls back when an element has got another width, and only while it is on the page. */
function redrawWhenResized(target, draw) {
  let width = target.clientWidth;
  const observer = new ResizeObserver(() => {
    if (!target.isConnected) return observer.disconnect();
    if (target.clientWidth === width || target.clientWidth === 0) return;
    width = target.clientWidth;
    draw();
  });
  observer.observe(target);
}
