// The page: choices, what is said of the chosen area, the legend, and the address that keeps it all.
"use strict";
BeeldAtlas.page = (() => {
  const { content, words, view } = BeeldAtlas;
  const { node } = view;
  const part = (id) => document.getElementById(id);
  let state = null;
  let sheet = null;
  let pointed = null;

  // ---------------------------------------------------------------- choices

  function options(select, entries, value) {
    select.replaceChildren(...entries);
    select.value = value;
  }
  const option = (value, text) => node("option", { value }, text);

  function grouped(groups) {
    const chapters = new Map();
    for (const group of groups) chapters.set(group.chapter, [...(chapters.get(group.chapter) || []), group]);
    return [...chapters].map(([chapter, found]) => node("optgroup", { label: chapter }, ...found.map((group) => option(group.id, group.title))));
  }

  function fill() {
    const group = view.groupOf(state);
    const periods = content.sheets[state.cijfer] || [];
    options(part("lens"), content.lenses.map((lens) => option(lens.id, lens.title)), state.lens);
    options(part("group"), grouped(view.groupsOf(state)), state.thema);
    options(part("subject"), (group ? group.subjects : []).map((key) => option(key, content.subjects[key].theme ? words.theme_score : title(key))), state.cijfer);
    options(part("year"), periods.map(([year, period]) => option(String(year), period)), String(state.jaar));
    options(part("gemeente"), [...(view.only ? [] : [option("", words.all_gemeenten)]), ...content.gemeenten.map(([code, name]) => option(code, name))], state.gemeente);
    const areas = state.gemeente ? view.shown(state) : [];
    options(part("area"), [option("", state.gemeente ? words.no_area : words.first_gemeente), ...areas.map((position) => option(BeeldAtlas.areas.code[position], BeeldAtlas.areas.name[position]))], state.gemeente ? state.gebied : "");
    part("area").disabled = !state.gemeente;
    part("own-hint").hidden = Boolean(state.gemeente);
    for (const radio of document.getElementsByName("classes")) {
      radio.checked = radio.value === state.klassen;
      radio.disabled = radio.value === "own" && !state.gemeente;
    }
  }

  const title = (key) => (content.subjects[key].theme ? `${words.theme_score} ${content.subjects[key].title}` : content.subjects[key].title);

  // ---------------------------------------------------------------- words

  function describe() {
    const subject = content.subjects[state.cijfer];
    part("heading").textContent = `${title(state.cijfer)}, ${sheet.period}`;
    part("about").replaceChildren(...[subject.text, subject.modelled ? ` ${words.modelled}` : ""]);
    const kind = node("span", { class: `soort soort-${subject.modelled ? "modelschatting" : "cijfer"}` }, subject.kind);
    const partly = subject.theme && sheet.badge ? node("span", { class: "soort soort-modelschatting" }, sheet.badge) : null;
    const sources = `${words.source}: ${sheet.source}; ${content.borders}. ${words.edition} ${content.release}.`;
    part("origin").replaceChildren(...[kind, partly, ` ${subject.unit}; ${words.year.toLowerCase()} ${sheet.period}; ${subject.direction}. ${sources}`].filter(Boolean));
  }

  function legend() {
    const subject = content.subjects[state.cijfer];
    const looks = view.legend(sheet, state);
    const shown = view.shown(state);
    const counts = looks.map(() => 0);
    const empty = {};
    let unsure = 0;
    for (const position of shown) {
      const klass = view.classOf(sheet, state, position);
      if (klass >= 0) counts[klass] += 1;
      else empty[sheet.kinds[sheet.kind[position]][2]] = (empty[sheet.kinds[sheet.kind[position]][2]] || 0) + 1;
      if (klass >= 0 && sheet.unsure.has(position)) unsure += 1;
    }
    const town = content.gemeenten.find(([code]) => code === state.gemeente);
    const own = state.klassen === "own";
    const rule = own ? (subject.modelled ? words.steps : words.even) : subject.modelled ? words.fixed_steps : words.fifths;
    const entry = (look, pattern, text, count) => node("li", {}, BeeldAtlas.map.swatch(look, pattern), ` ${text} (${count.toLocaleString(content.notation.tag)})`);
    const grey = ["", content.style.emptyFill, content.style.emptyHatch];
    part("legend").replaceChildren(
      node("p", {}, node("strong", {}, own ? `${words.own_classes} ${town[1]}` : words.nl_classes), ` ${subject.unit}`),
      node("p", { class: "richting" }, `${subject.direction}; ${sheet.polarity}`),
      node("ul", { class: "klassen" },
        ...looks.map((look, klass) => entry(look, "", look[0], counts[klass])),
        unsure ? entry(looks[0], content.style.unsure[1], content.style.unsure[0], unsure) : null,
        ...Object.entries(content.style.empty).filter(([key]) => empty[key]).map(([key, look]) => entry(grey, look[1], look[0], empty[key]))),
      node("p", {}, node("small", {}, `${rule}; ${words.counted}`)));
  }

  function chosen() {
    const position = pointed === null ? BeeldAtlas.areas.index.get(state.gebied) : pointed;
    if (position === undefined || !sheet) return part("chosen").replaceChildren(node("p", {}, words.none_chosen));
    const { areas } = BeeldAtlas;
    const found = view.cell(sheet, position);
    const klass = view.classOf(sheet, state, position);
    const subject = content.subjects[sheet.key];
    const place = view.profile(position);
    return part("chosen").replaceChildren(...[
      node("p", { class: "naamregel" }, node("strong", {}, areas.name[position]), node("small", {}, ` ${areas.code[position]}, ${content.gemeenten[areas.gemeente[position]][1]}`)),
      node("p", { class: "groot" }, view.figure(sheet, position), node("small", {}, found.present && !subject.before && !subject.after ? ` ${subject.unit}` : "")),
      node("p", {}, `${title(sheet.key)}, ${words.year.toLowerCase()} ${sheet.period}`),
      found.margin || klass >= 0 ? node("p", {}, [found.margin, klass >= 0 ? `${words.class.toLowerCase()}: ${view.legend(sheet, state)[klass][0]}` : ""].filter(Boolean).join("; ")) : null,
      node("p", {}, ...found.badges.flatMap((badge) => [node("span", { class: "soort" }, badge), " "])),
      found.remark ? node("p", {}, found.remark) : null,
      node("p", {}, place ? node("a", { href: place }, words.to_profile) : node("small", {}, words.no_profile)),
    ].filter(Boolean));
  }

  // ---------------------------------------------------------------- what happens

  async function go(wish, { zoom = false } = {}) {
    const before = state;
    state = view.sound({ ...state, ...wish });
    view.write(state);
    fill();
    const asked = state;
    try {
      const found = await BeeldAtlas.sheet(state.cijfer, state.jaar);
      if (state !== asked) return;
      sheet = found;
      part("status").textContent = "";
    } catch {
      part("status").textContent = words.failed;
      return;
    }
    pointed = null;
    describe();
    legend();
    chosen();
    BeeldAtlas.table.draw(sheet, state);
    BeeldAtlas.map.draw(sheet, state);
    if (zoom || (before && before.gemeente !== state.gemeente)) BeeldAtlas.map.zoomTo(view.shown(state));
    document.documentElement.dataset.shown = `${state.cijfer} ${state.jaar}`;
  }

  /** Show what is known of an area that is pointed at; null goes back to the chosen one. */
  function point(position) {
    if (pointed === position || !sheet) return;
    pointed = position;
    chosen();
    BeeldAtlas.map.choose(position === null ? state.gebied : BeeldAtlas.areas.code[position]);
  }

  /** Choose an area, and keep it in the address. */
  function choose(position) {
    state = { ...state, gebied: BeeldAtlas.areas.code[position] };
    view.write(state);
    if (state.gemeente) part("area").value = state.gebied;
    pointed = null;
    chosen();
    BeeldAtlas.map.choose(state.gebied);
    BeeldAtlas.table.mark(state.gebied);
  }

  function listen() {
    const on = (id, wish) => part(id).addEventListener("change", (event) => go(wish(event.target.value)));
    on("lens", (lens) => ({ lens, thema: "" }));
    on("group", (thema) => ({ thema, cijfer: view.groupsOf(state).find((group) => group.id === thema).subjects[0], jaar: null }));
    on("subject", (cijfer) => ({ cijfer, jaar: null }));
    on("year", (jaar) => ({ jaar }));
    on("gemeente", (gemeente) => ({ gemeente, gebied: "" }));
    on("area", (gebied) => ({ gebied }));
    for (const radio of document.getElementsByName("classes")) radio.addEventListener("change", () => go({ klassen: radio.value }));
    window.addEventListener("hashchange", () => go({ ...view.read() }, { zoom: true }));
    document.querySelector("form.keuzes").addEventListener("submit", (event) => event.preventDefault());
  }

  function begin() {
    part("atlas").hidden = false;
    state = view.read();
    listen();
    BeeldAtlas.map.start(BeeldAtlas.map.boxOf(view.shown(state)));
    go({});
  }

  return { begin, point, choose };
})();
BeeldAtlas.page.begin();
