// Tabs: one panel at a time, made when it is first opened and drawn anew when its width or a shared choice changes.

const PANELS = {
  accuracy: showAccuracy,
  difficulty: showDifficulty,
  verifier: showVerifier,
  cost: showCost,
  comparisons: showComparisons,
  problems: showProblems,
};

function tabbed() {
  const tabs = [...document.querySelectorAll("[role=tab]")];
  const panels = tabs.map((tab) => document.getElementById(tab.getAttribute("aria-controls")));
  const names = panels.map((panel) => panel.dataset.name);
  const draws = new Map();
  let current = null;

  function open(name) {
    current = name;
    tabs.forEach((tab, place) => {
      const chosen = names[place] === name;
      tab.setAttribute("aria-selected", String(chosen));
      tab.tabIndex = chosen ? 0 : -1;
      panels[place].hidden = !chosen;
      if (chosen) tab.scrollIntoView({ block: "nearest", inline: "nearest", behavior: "instant" });
    });
    if (!draws.has(name)) draws.set(name, PANELS[name](panels[names.indexOf(name)]));
    draws.get(name)();
  }

  function choose(name) {
    if (name === current) return;
    history.replaceState(null, "", `#${name}`);
    open(name);
  }

  tabs.forEach((tab, place) => {
    tab.addEventListener("click", () => choose(names[place]));
    tab.addEventListener("keydown", (event) => {
      const to = { ArrowRight: place + 1, ArrowLeft: place - 1, Home: 0, End: tabs.length - 1 }[event.key];
      if (to === undefined) return;
      event.preventDefault();
      const next = (to + tabs.length) % tabs.length;
      choose(names[next]);
      tabs[next].focus();
    });
  });
  onChange(() => draws.get(current)?.());
  redrawWhenResized(document.getElementById("main"), () => draws.get(current)?.());
  const wanted = location.hash.slice(1).split("/")[0];
  open(names.includes(wanted) ? wanted : names[0]);
}
