// One search tree as a picture to walk through: steps coloured by score, the path of the chosen answer, and of the chosen step.

/** Draws a tree; `choose(index)` is called when the reader goes to a step. */
function drawTree(search, width, choose) {
  const { steps } = search;
  const shape = layOut(search, width);
  const { places, sideways, height } = shape;
  const radius = (step) => Math.max(shape.pruned, step.kept || step.prompt ? shape.kept : 0);
  const svg = d3.create("svg").attr("class", "tree").attr("viewBox", `0 0 ${width} ${height}`).attr("width", width).attr("height", height)
    .attr("tabindex", 0).attr("role", "application").attr("aria-roledescription", "search tree")
    .attr("aria-label", `Search tree of ${count(steps.length, "step")}. Arrow keys go from step to step.`);
  const canvas = svg.append("g");
  const links = canvas.append("g").attr("class", "links").selectAll("path").data(steps.slice(1)).join("path")
    .attr("class", (step) => (step.kept ? "kept" : "pruned")).attr("d", (step) => link(places[step.parent], places[step.index], sideways));
  const trail = canvas.append("g");
  const dots = canvas.append("g").attr("class", "steps").selectAll("path").data(steps).join("path")
    .attr("d", (step) => glyph(search, step, radius(step)))
    .attr("transform", (step) => `translate(${places[step.index].x.toFixed(1)},${places[step.index].y.toFixed(1)})`)
    .attr("class", (step) => `step ${kindOf(search, step)}`)
    .attr("fill", (step) => stepColour(step))
    .on("click", (event, step) => choose(step.index));
  const ring = canvas.append("circle").attr("class", "ring").attr("r", shape.kept + 4);
  const labels = sideways ? canvas.append("g").attr("class", "answers").selectAll("text")
    .data(steps.filter((step) => step.leaf)).join("text")
    .attr("x", (step) => places[step.index].x + shape.kept + 6).attr("y", (step) => places[step.index].y).attr("dy", "0.34em")
    .text((step) => leafLabel(search, step)) : null;
  hover(svg, dots, search);
  const zoom = zoomable(svg, canvas, labels, shape);

  return {
    element: svg.node(),
    zoom,
    /** Marks a step and the way to it, and moves it into sight. */
    select(index) {
      trail.selectAll("path.way").data(pathTo(steps, steps[index]).slice(1), (step) => step.index).join("path")
        .attr("class", "way").attr("d", (step) => link(places[step.parent], places[step.index], sideways));
      ring.attr("cx", places[index].x).attr("cy", places[index].y);
      zoom.reveal(places[index]);
    },
    /** Marks the path of the answer that won, and the solutions that gave it. */
    win(leaf, answer) {
      const path = leaf === null ? [] : pathTo(steps, steps[leaf]).slice(1);
      trail.selectAll("path.won").data(path, (step) => step.index).join((enter) => enter.insert("path", "path.way"))
        .attr("class", "won").attr("d", (step) => link(places[step.parent], places[step.index], sideways));
      this.highlight(answer);
    },
    /** Sets off all solutions that gave an answer. */
    highlight(answer) {
      dots.classed("named", (step) => answer !== null && step.leaf && step.answer === answer);
    },
    /** Shows the tree as it was at a moment, or at the end: what was not begun is hidden, what was not scored has no colour. */
    showAt(moment) {
      const done = (step) => moment === null || step.prompt || moment.isWritten(step);
      const begun = (step) => done(step) || step.began < moment.time;
      const judged = (step) => moment === null || (step.scored !== null && step.scored <= moment.time);
      dots.classed("unborn", (step) => !begun(step)).classed("writing", (step) => begun(step) && !done(step))
        .attr("fill", (step) => (done(step) ? stepColour(step, judged(step)) : "none"));
      links.classed("unborn", (step) => !begun(step));
      labels?.classed("unborn", (step) => !done(step));
      trail.classed("unborn", moment !== null);
    },
    /** The step that an arrow key leads to from another, or the same. */
    neighbour: (index, key) => neighbour(search, shape, index, key),
  };
}

function link(from, to, sideways) {
  const [x1, y1, x2, y2] = [from.x, from.y, to.x, to.y].map((value) => value.toFixed(1));
  if (sideways) {
    const middle = ((from.x + to.x) / 2).toFixed(1);
    return `M${x1},${y1}C${middle},${y1} ${middle},${y2} ${x2},${y2}`;
  }
  const middle = ((from.y + to.y) / 2).toFixed(1);
  return `M${x1},${y1}C${x1},${middle} ${x2},${middle} ${x2},${y2}`;
}

/** Prompts are squares; finished solutions diamonds if right and crosses if wrong; all other steps discs. */
function glyph(search, step, radius) {
  const area = Math.PI * radius * radius;
  if (step.prompt) return d3.symbol(d3.symbolSquare, area * 1.4)();
  if (!step.leaf) return d3.symbol(d3.symbolCircle, area)();
  return d3.symbol(correctness(search, step) === false ? d3.symbolCross : d3.symbolDiamond, area * 1.4)();
}

function kindOf(search, step) {
  if (step.prompt) return "prompt";
  if (!step.kept) return "pruned";
  return step.leaf ? (correctness(search, step) === false ? "leaf wrong" : "leaf right") : "inner";
}

function stepColour(step, judged = true) {
  if (step.prompt) return "var(--ink)";
  return judged && step.score !== null ? scoreColour(step.score) : "var(--unscored)";
}

function leafLabel(search, step) {
  const correct = correctness(search, step);
  const sign = correct === true ? "✓ " : correct === false ? "✗ " : "";
  return sign + (step.answer === null ? "no answer" : shortened(search.answers[step.answer].text, 16));
}

/** A box at the pointer with a step's score and the beginning of its text. */
function hover(svg, dots, search) {
  const box = d3.select(svg.node()).append("title");
  dots.on("pointerenter", (event, step) => {
    const score = step.score === null ? "" : `score ${step.score.toFixed(2)}: `;
    box.text(step.prompt ? "prompt" : `${score}${shortened(step.text, 160)}`);
  });
}

/** Zooming: with buttons, with two fingers, with the wheel and Ctrl; dragging with the mouse. */
function zoomable(svg, canvas, labels, { width, height, gap }) {
  const behaviour = d3.zoom().scaleExtent([1, 24]).translateExtent([[0, 0], [width, height]]).extent([[0, 0], [width, height]])
    .filter((event) => (event.type === "wheel" ? event.ctrlKey || event.metaKey
      : event.type.startsWith("touch") ? event.touches.length > 1 || d3.zoomTransform(svg.node()).k > 1 : !event.button))
    .on("zoom", ({ transform }) => {
      canvas.attr("transform", transform);
      labels?.attr("visibility", gap * transform.k < 9 ? "hidden" : "visible").style("font-size", `${12 / transform.k}px`);
    });
  svg.call(behaviour).on("dblclick.zoom", null);
  labels?.attr("visibility", gap < 9 ? "hidden" : "visible");
  return {
    by: (factor) => svg.call(behaviour.scaleBy, factor),
    reset: () => svg.call(behaviour.transform, d3.zoomIdentity),
    reveal(place) {
      const [x, y] = d3.zoomTransform(svg.node()).apply([place.x, place.y]);
      if (x < 0 || x > width || y < 0 || y > height) svg.call(behaviour.translateTo, place.x, place.y);
    },
  };
}

/** Along the tree to parent and first child, across it to the next step of the same depth. */
function neighbour(search, { depths, sideways }, index, key) {
  const step = search.steps[index];
  const [up, down, before, after] = sideways
    ? ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"] : ["ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight"];
  if (key === up) return Math.max(0, step.parent);
  if (key === down) return step.children[0]?.index ?? index;
  const level = depths[pathTo(search.steps, step).length - 1];
  const at = level.indexOf(index);
  if (key === before) return level[at - 1] ?? index;
  if (key === after) return level[at + 1] ?? index;
  if (key === "Home") return 0;
  return null;
}
