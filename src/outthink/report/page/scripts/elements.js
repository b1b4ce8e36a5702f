// Making elements. Text is always set as text: what a model has written is never parsed as markup.

/** An element with attributes; names that begin with "on" are listeners, true and false set and leave out. */
function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return made;
}

/** Puts new children in the place of the old ones. */
function fill(parent, ...children) {
  parent.replaceChildren(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
}

/** One of several, as a row of radio buttons. Options are [value, label] pairs. */
function choice(legend, options, chosen, choose) {
  const name = `choice-${choice.count++}`;
  return element("fieldset", { class: "choice" },
    element("legend", {}, legend),
    options.map(([value, label]) => element("label", {},
      element("input", { type: "radio", name, checked: value === chosen, onchange: () => choose(value) }),
      element("span", {}, label))));
}
choice.count = 0;

/** A box to tick. */
function tick(label, ticked, choose) {
  return element("label", { class: "tick" },
    element("input", { type: "checkbox", checked: ticked, onchange: (event) => choose(event.target.checked) }),
    element("span", {}, label));
}

/** One of many, as a list to pull down. Options are [value, label] pairs. */
function pulldown(label, options, chosen, choose) {
  const list = element("select", { "aria-label": label, onchange: (event) => choose(options[event.target.selectedIndex][0]) },
    options.map(([value, text]) => element("option", { selected: value === chosen }, text)));
  return element("label", { class: "pulldown" }, element("span", {}, label), list);
}

/** What colours stand for, as [colour, words] pairs. */
function colourKey(entries, round = false) {
  return element("ul", { class: "key" }, entries.map(([colour, words]) => {
    const patch = element("span", { class: round ? "key-colour round" : "key-colour" });
    patch.style.setProperty("--cell", colour);
    return element("li", {}, patch, words);
  }));
}

/** A headed figure with a sentence on how to read it. */
function card(title, note, ...content) {
  return element("section", { class: "card" },
    element("h3", {}, title), note ? element("p", { class: "note" }, note) : null, ...content);
}

/** Text as it was written; stretches of LaTeX are set off, character by character the same. */
function written(text, className = "written") {
  const parts = text.split(/(\$\$[^$]+\$\$|\$[^$\n]+\$|\\\[[^]*?\\\]|\\\([^]*?\\\)|\\boxed\{[^{}\n]*\})/);
  return element("div", { class: className, dir: "auto" },
    parts.map((part, place) => (place % 2 ? element("code", { class: "tex" }, part) : part)));
}
