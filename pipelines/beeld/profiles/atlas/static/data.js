// What the page knows: the content that stands in it, the areas, and sheets that are loaded when they are asked for.
"use strict";
window.BeeldAtlas = (() => {
  const content = JSON.parse(document.getElementById("content").textContent);
  const sheets = new Map();
  const loading = new Map();
  let areas = null;

  const name = (key, year) => `${key} ${year}`;
  /** A number as it is printed in the language of the page. */
  const printed = (text) => Number(text.replaceAll(content.notation.thousands, "").replace(content.notation.decimal, "."));
  const column = (text, count) => (text === "" ? new Array(count).fill("") : text.split("|"));

  /** Take a sheet that a data script hands over. */
  function addSheet(sheet) {
    const count = sheet.kind.length;
    for (const part of ["shown", "lower", "upper"]) sheet[part] = column(sheet[part], count);
    // Where the printed texts say all that there is, the values are not written twice.
    sheet.value ??= sheet.shown.map((text) => (text === "" ? null : printed(text)));
    sheet.unsure = new Set(sheet.unsure);
    sheets.set(name(sheet.key, sheet.year), sheet);
  }

  /** Take the areas that a data script hands over. */
  function addAreas(found) {
    areas = found;
    areas.index = new Map(found.code.map((code, position) => [code, position]));
  }

  /** Load a script of our own folder; a page from disk may not fetch. */
  function load(file) {
    if (!loading.has(file)) {
      loading.set(file, new Promise((resolve, reject) => {
        const script = document.createElement("script");
        script.src = `cijfers/${file}`;
        script.onload = resolve;
        script.onerror = () => { loading.delete(file); reject(new Error(file)); };
        document.head.append(script);
      }));
    }
    return loading.get(file);
  }

  /** The sheet of a subject and year. */
  async function sheet(key, year) {
    const place = content.sheets[key].find((each) => each[0] === year);
    if (!sheets.has(name(key, year))) await load(place[2]);
    return sheets.get(name(key, year));
  }

  /** A ring or line out of whole numbers: first point, then steps. */
  function points(flat, closed) {
    const line = [];
    let x = 0, y = 0;
    for (let i = 0; i < flat.length; i += 2) {
      x += flat[i]; y += flat[i + 1];
      line.push([x / areas.scale, y / areas.scale]);
    }
    if (closed) line.push(line[0]);
    return line;
  }

  /** The boundaries as GeoJSON; the id of a feature is the position of its area plus one. */
  function features() {
    const found = [];
    areas.shape.forEach((shape, position) => {
      if (!shape) return;
      const coordinates = shape.map((polygon) => polygon.map((ring) => points(ring, true)));
      found.push({ type: "Feature", id: position + 1, properties: {}, geometry: { type: "MultiPolygon", coordinates } });
    });
    return { type: "FeatureCollection", features: found };
  }

  /** The outlines of the gemeenten as GeoJSON. */
  function borders() {
    const features = areas.border.map((lines) => ({
      type: "Feature", properties: {},
      geometry: { type: "MultiLineString", coordinates: lines.map((line) => points(line, false)) },
    }));
    return { type: "FeatureCollection", features };
  }

  return { content, words: content.words, addSheet, addAreas, sheet, features, borders, get areas() { return areas; } };
})();
