// The legend: every method is a button that shows or hides its curve everywhere.

function legend() {
  const root = element("div", { class: "legend", role: "group", "aria-label": "Methods shown" });
  const buttons = new Map();
  const choosable = report.methods.map((method, number) => ({ method, number }))
    .filter(({ method }) => !isOracle(method) && !isGreedy(method));

  function button({ method, number }) {
    const made = element("button", {
      class: "method",
      onclick: () => toggle(number),
      onmouseenter: () => change({ highlighted: number }),
      onmouseleave: () => change({ highlighted: null }),
    }, swatch(method), element("span", {}, method.name));
    buttons.set(number, made);
    return made;
  }

  const all = () => change({ shown: new Set(choosable.map(({ number }) => number)) });
  const none = () => change({ shown: new Set(), highlighted: null });
  root.append(
    element("div", { class: "legend-head" }, element("span", {}, "Methods"),
      element("button", { class: "plain", onclick: all }, "all"), element("button", { class: "plain", onclick: none }, "none")),
    ...choosable.map(button));

  const mark = () => buttons.forEach((made, number) => made.setAttribute("aria-pressed", String(view.shown.has(number))));
  onChange(mark);
  mark();
  return root;
}

function toggle(number) {
  const shown = new Set(view.shown);
  if (!shown.delete(number)) shown.add(number);
  change({ shown });
}
