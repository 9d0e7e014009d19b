// What is chosen, kept in the address so that a link shows the same; and the texts of one area, made of text nodes only.
"use strict";
BeeldAtlas.view = (() => {
  const { content, words } = BeeldAtlas;
  const only = content.gemeenten.length === 1 ? content.gemeenten[0][0] : "";

  const lensOf = (id) => content.lenses.find((lens) => lens.id === id) || content.lenses[0];
  const groupsOf = (state) => lensOf(state.lens).groups;
  const groupOf = (state) => groupsOf(state).find((group) => group.id === state.thema && group.subjects.includes(state.cijfer))
    || groupsOf(state).find((group) => group.subjects.includes(state.cijfer)) || groupsOf(state)[0];

  /** A state in which everything exists and fits together. */
  function sound(wish) {
    const { areas } = BeeldAtlas;
    const state = { lens: lensOf(wish.lens).id, thema: wish.thema || "", cijfer: wish.cijfer };
    if (!Object.hasOwn(content.subjects, state.cijfer || "")) state.cijfer = content.opening;
    const group = groupOf(state);
    state.thema = group ? group.id : "";
    const years = (content.sheets[state.cijfer] || []).map((each) => each[0]);
    state.jaar = years.includes(Number(wish.jaar)) ? Number(wish.jaar) : years[0];
    state.gebied = areas.index.has(wish.gebied) ? wish.gebied : "";
    const home = state.gebied ? content.gemeenten[areas.gemeente[areas.index.get(state.gebied)]][0] : "";
    const known = content.gemeenten.some((each) => each[0] === wish.gemeente);
    state.gemeente = only || (known ? wish.gemeente : wish.gemeente === undefined ? home : "");
    if (state.gemeente && home && home !== state.gemeente) state.gebied = "";
    state.klassen = wish.klassen === "own" && state.gemeente ? "own" : "nl";
    return state;
  }

  /** The state that the address asks for. */
  const read = () => sound(Object.fromEntries(new URLSearchParams(location.hash.slice(1))));

  /** Put the state into the address without a step in the history. */
  function write(state) {
    const kept = Object.entries(state).filter(([key, value]) => value && !(key === "klassen" && value === "nl"));
    if (!state.gemeente) kept.push(["gemeente", "alle"]);
    const hash = `#${new URLSearchParams(kept)}`;
    if (hash !== location.hash) history.replaceState(null, "", hash);
  }

  /** Positions of the areas that are shown: those of the gemeente, or all. */
  function shown(state) {
    const { areas } = BeeldAtlas;
    const chosen = content.gemeenten.findIndex((each) => each[0] === state.gemeente);
    const every = [...areas.code.keys()];
    return chosen < 0 ? every : every.filter((position) => areas.gemeente[position] === chosen);
  }

  /** Label, colour and colour of a pattern of each class. */
  function legend(sheet, state) {
    const labels = state.klassen === "own" ? sheet.ownLabels[state.gemeente] : sheet.nlLabels;
    return labels.map((label, klass) => [label, ...sheet.ramps[labels.length][klass]]);
  }

  /** The class of an area, -1 where there is none. */
  function classOf(sheet, state, position) {
    const sign = (state.klassen === "own" ? sheet.own : sheet.nl)[position];
    return sign === "-" ? -1 : Number(sign);
  }

  /** What is printed of an area: value with unit, interval, badges and remark. */
  function cell(sheet, position) {
    const subject = content.subjects[sheet.key];
    const [status, stateWord, state, reason, badges] = sheet.kinds[sheet.kind[position]];
    const present = sheet.value[position] !== null;
    const bounds = sheet.lower[position] !== "" && sheet.lower[position] !== undefined;
    return {
      status, state, present, badges,
      value: present ? `${subject.before}${sheet.shown[position]}${subject.after}` : stateWord,
      margin: bounds ? `${sheet.margin} ${sheet.lower[position]} ${words.to} ${sheet.upper[position]}` : "",
      remark: reason ? `${present ? words.note : words.reason}: ${reason}` : "",
    };
  }

  /** A figure as an element that says where it comes from. */
  function figure(sheet, position) {
    const { areas } = BeeldAtlas;
    const found = cell(sheet, position);
    const element = node("span", { class: found.present ? "getal" : "leeg" }, found.value);
    element.dataset.gebied = areas.code[position];
    element.dataset.indicator = sheet.key;
    element.dataset.peiljaar = sheet.year || sheet.period;
    element.dataset.status = found.status;
    if (found.present) element.dataset.waarde = sheet.value[position];
    return element;
  }

  /** An element with attributes and children; texts become text nodes. */
  function node(tag, attributes, ...children) {
    const element = document.createElement(tag);
    for (const [key, value] of Object.entries(attributes || {})) element.setAttribute(key, value);
    element.append(...children.filter((child) => child !== null && child !== ""));
    return element;
  }

  /** The address of the page of an area, empty when it was not made. */
  const profile = (position) => (BeeldAtlas.areas.rendered[position] === "1" ? `../gebied/${BeeldAtlas.areas.code[position]}/index.html` : "");

  return { lensOf, groupsOf, groupOf, sound, read, write, shown, legend, classOf, cell, figure, node, profile, only };
})();
