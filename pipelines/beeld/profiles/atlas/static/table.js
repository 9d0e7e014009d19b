// The table: the same figures as the map, by gemeente and code and never by a figure, some at a time.
"use strict";
BeeldAtlas.table = (() => {
  const { content, words, view } = BeeldAtlas;
  const { node } = view;
  const MOST = 200;
  const part = (id) => document.getElementById(id);
  let start = 0;
  let drawn = null;

  function row(sheet, state, position, several) {
    const { areas } = BeeldAtlas;
    const found = view.cell(sheet, position);
    const code = areas.code[position];
    const place = view.profile(position);
    const label = place ? node("a", { href: place }, areas.name[position]) : areas.name[position];
    const show = node("button", { type: "button", class: "code", "aria-label": `${code}: ${words.show_on_map}` }, code);
    const klass = view.classOf(sheet, state, position);
    const chip = klass < 0 ? null : BeeldAtlas.map.swatch(view.legend(sheet, state)[klass], sheet.unsure.has(position) ? content.style.unsure[1] : "");
    const line = node("tr", { "data-row": code },
      several ? node("td", {}, content.gemeenten[areas.gemeente[position]][1]) : null,
      node("th", { scope: "row" }, label),
      node("td", {}, show),
      node("td", { class: "cijfer" }, view.figure(sheet, position)),
      node("td", {}, found.margin || (found.present ? words.no_margin : "")),
      node("td", {}, chip, klass < 0 ? words.no_class : ` ${view.legend(sheet, state)[klass][0]}`),
      node("td", {}, sheet.period),
      node("td", {}, ...found.badges.map((badge) => node("span", { class: "soort" }, badge))),
      node("td", {}, found.remark));
    line.addEventListener("focusin", () => BeeldAtlas.page.point(position));
    show.addEventListener("click", () => BeeldAtlas.page.choose(position));
    return line;
  }

  const whole = (count) => count.toLocaleString(content.notation.tag);
  const range = (rows, all) => `${whole(start + 1)} ${words.to} ${whole(start + rows)} ${words.of} ${whole(all)}`;

  /** Draw the rows of a sheet; a new choice of areas starts at the first row. */
  function draw(sheet, state) {
    const subject = content.subjects[sheet.key];
    const shown = view.shown(state);
    const several = !state.gemeente;
    if (!drawn || drawn.state.gemeente !== state.gemeente) start = 0;
    if (state.gebied) {
      const place = shown.indexOf(BeeldAtlas.areas.index.get(state.gebied));
      if (place >= 0 && !(drawn && drawn.state.gebied === state.gebied)) start = Math.floor(place / MOST) * MOST;
    }
    drawn = { sheet, state };
    const heads = [several ? words.gemeente : "", words.area, words.code, `${words.value} (${subject.unit})`, words.margin, words.class,
      words.year, words.kind, words.remark].filter((head) => head !== "");
    part("head").replaceChildren(node("tr", {}, ...heads.map((head) => node("th", { scope: "col" }, head))));
    const rows = shown.slice(start, start + MOST);
    part("caption").textContent = `${subject.title}, ${sheet.period}. ${words.caption}: ${words.rows} ${range(rows.length, shown.length)}.`;
    part("rows").replaceChildren(...rows.map((position) => row(sheet, state, position, several)));
    part("pages").hidden = shown.length <= MOST;
    part("earlier").disabled = start === 0;
    part("later").disabled = start + MOST >= shown.length;
    part("page").textContent = range(rows.length, shown.length);
    mark(state.gebied);
  }

  /** Mark the row of the chosen area. */
  function mark(code) {
    for (const line of part("rows").children) line.classList.toggle("gekozen-rij", line.dataset.row === code);
  }

  function turn(steps) {
    start += steps * MOST;
    draw(drawn.sheet, drawn.state);
    part("table-title").scrollIntoView();
  }
  part("earlier").addEventListener("click", () => turn(-1));
  part("later").addEventListener("click", () => turn(1));

  return { draw, mark };
})();
