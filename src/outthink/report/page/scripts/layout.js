// Where the steps of a tree lie: from left to right where there is room for answers, else from top to bottom.

const ROOM_FOR_ANSWERS = 116;

/** Places for all steps, as {places by index, depths, sideways, gap, width, height, pruned, kept}. */
function layOut(search, width) {
  const root = d3.hierarchy(search.steps[0], (step) => step.children);
  const ends = root.leaves().length;
  const narrow = width < 620;
  const sideways = narrow || ends <= 36;
  const height = sideways ? clamp(ends * 17, 150, narrow ? 480 : 620) : clamp(root.height * 48, 240, 470);
  const margin = 18;
  const [breadth, length] = sideways
    ? [height - 2 * margin, width - 2 * margin - (narrow ? 76 : ROOM_FOR_ANSWERS)]
    : [width - 2 * margin, height - 2 * margin];
  d3.tree().size([breadth, length]).separation((a, b) => (a.parent === b.parent ? 1 : 1.4))(root);
  const gap = breadth / Math.max(1, ends);
  const places = [];
  root.each((at) => {
    places[at.data.index] = sideways ? { x: margin + at.y, y: margin + at.x } : { x: margin + at.x, y: margin + at.y };
  });
  const depths = d3.groups(root.descendants(), (at) => at.depth)
    .map(([, level]) => d3.sort(level, (at) => at.x).map((at) => at.data.index));
  const radius = (number) => clamp((0.4 * breadth) / Math.max(1, number), 1.7, 5.5);
  // What was pruned may be crowded; what was kept shall be seen.
  return { places, depths, sideways, gap, width, height, pruned: radius(ends), kept: radius(search.leaves.length * 1.6) };
}

function clamp(value, low, high) {
  return Math.min(high, Math.max(low, value));
}
