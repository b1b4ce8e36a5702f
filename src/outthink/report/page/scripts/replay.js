// The replay: the search as it grew, step by step in the order in which steps were written.

const REPLAY_SECONDS = 8;
const FRAME = 40;

/** A slider over the steps written; `show(moment)` draws the tree as it was then (`drawTree`). */
function replay(search, show) {
  const order = d3.sort(search.steps.filter((step) => !step.prompt && step.written !== null), (step) => step.written);
  const last = order.length;
  const ranks = new Map(order.map((step, place) => [step.index, place + 1]));
  const state = element("output", { class: "replay-state" });
  const slider = element("input", {
    type: "range", min: 0, max: last, value: last, step: 1, "aria-label": "Steps written", oninput: () => { pause(); draw(); },
  });
  const play = element("button", { class: "play", "aria-label": "Replay the search", onclick: () => (timer ? pause() : start()) }, "▶");
  let timer = null;

  function draw() {
    const at = Number(slider.value);
    const latest = order[at - 1];
    const time = latest?.written ?? 0;
    show(at === last ? null : { time, isWritten: (step) => ranks.get(step.index) <= at });
    const words = at === last ? `all ${count(last, "step")}, ${seconds(time)}`
      : `${at} of ${count(last, "step")}, ${seconds(time)}`;
    slider.setAttribute("aria-valuetext", words);
    fill(state, words, latest && at < last ? element("span", { class: "muted" }, ` ${shortened(latest.text, 90)}`) : null);
  }

  function start() {
    if (Number(slider.value) === last) slider.value = 0;
    const stride = Math.max(1, Math.round((last * FRAME) / (1000 * REPLAY_SECONDS)));
    play.textContent = "❚❚";
    play.setAttribute("aria-label", "Pause");
    timer = setInterval(() => {
      // The page may have gone on to another search meanwhile.
      if (Number(slider.value) === last || !slider.isConnected) return pause();
      slider.value = Number(slider.value) + stride;
      draw();
    }, FRAME);
  }

  function pause() {
    clearInterval(timer);
    timer = null;
    play.textContent = "▶";
    play.setAttribute("aria-label", "Replay the search");
  }

  draw();
  return element("div", { class: "replay" }, play, slider, state);
}
