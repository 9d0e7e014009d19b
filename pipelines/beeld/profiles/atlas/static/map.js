// The map: colours by class, patterns over what is empty or unsure, names where there is room, and the chosen area.
"use strict";
BeeldAtlas.map = (() => {
  const { content, words, view } = BeeldAtlas;
  const { style } = content;
  const SVG = "http://www.w3.org/2000/svg";
  const OUTSIDE = "#fbfbfb";
  const TILE = 8;
  const FEW = 60;
  const MOST_TOWNS = 30;
  let map = null;
  let names = [];
  let current = null;
  let ready = false;

  // ---------------------------------------------------------------- patterns

  /** The lines or dots of a pattern in a tile of eight by eight. */
  const STROKES = {
    "////": (pen) => { pen.line(-1, 9, 9, -1); pen.line(-1, 1, 1, -1); pen.line(7, 9, 9, 7); },
    "....": (pen) => { pen.dot(2, 2); pen.dot(6, 6); },
    xxx: (pen) => { pen.line(0, 0, 8, 8); pen.line(0, 8, 8, 0); },
    "-----": (pen) => { pen.line(0, 2, 8, 2); pen.line(0, 6, 8, 6); },
    "+++": (pen) => { pen.line(0, 4, 8, 4); pen.line(4, 0, 4, 8); },
  };

  function image(pattern, colour) {
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = TILE * 2;
    const pen = canvas.getContext("2d");
    pen.scale(2, 2);
    pen.strokeStyle = pen.fillStyle = colour;
    pen.lineWidth = 1;
    STROKES[pattern]({
      line: (x1, y1, x2, y2) => { pen.beginPath(); pen.moveTo(x1, y1); pen.lineTo(x2, y2); pen.stroke(); },
      dot: (x, y) => { pen.beginPath(); pen.arc(x, y, 0.9, 0, 7); pen.fill(); },
    });
    return pen.getImageData(0, 0, TILE * 2, TILE * 2);
  }

  const shape = (tag, attributes) => {
    const element = document.createElementNS(SVG, tag);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    return element;
  };

  /** A small picture of a class (label, colour, colour of a pattern) with or without a pattern. */
  function swatch([, colour, ink], pattern) {
    const picture = shape("svg", { class: "staal", width: 24, height: 16, viewBox: "0 0 24 16", "aria-hidden": "true" });
    picture.append(shape("rect", { width: 24, height: 16, fill: colour }));
    const pen = {
      line: (x1, y1, x2, y2) => picture.append(shape("line", { x1, y1, x2, y2, stroke: ink })),
      dot: (cx, cy) => picture.append(shape("circle", { cx, cy, r: 0.9, fill: ink })),
    };
    if (pattern) {
      for (const left of [0, 8, 16]) for (const top of [0, 8]) {
        STROKES[pattern]({
          line: (x1, y1, x2, y2) => pen.line(x1 + left, y1 + top, x2 + left, y2 + top),
          dot: (x, y) => pen.dot(x + left, y + top),
        });
      }
    }
    picture.append(shape("rect", { x: 0.5, y: 0.5, width: 23, height: 15, fill: "none", stroke: "#8a8a8a" }));
    return picture;
  }

  // ---------------------------------------------------------------- making it

  const PATTERNS = [
    ["unsure-dark", style.unsure[1], style.ink],
    ["unsure-light", style.unsure[1], "#ffffff"],
    ...Object.entries(style.empty).filter(([, look]) => look[1]).map(([state, look]) => [state, look[1], style.emptyHatch]),
  ];
  const nothing = ["==", ["id"], -1];
  const among = (ids) => (ids.length ? ["match", ["id"], ids, true, false] : nothing);

  function sources() {
    const line = (id, source, color, width, filter) => ({
      id, source, type: "line", ...(filter ? { filter } : {}),
      layout: { "line-join": "round" }, paint: { "line-color": color, "line-width": width },
    });
    const patterned = PATTERNS.map(([id]) => ({ id, source: "areas", type: "fill", filter: nothing, layout: { visibility: "none" }, paint: { "fill-pattern": id } }));
    return {
      version: 8,
      sources: {
        areas: { type: "geojson", data: BeeldAtlas.features(), buffer: 16, tolerance: 0.2 },
        borders: { type: "geojson", data: BeeldAtlas.borders(), buffer: 16, tolerance: 0.2 },
      },
      layers: [
        { id: "ground", type: "background", paint: { "background-color": "#ffffff" } },
        { id: "areas", source: "areas", type: "fill", paint: { "fill-color": ["to-color", ["feature-state", "fill"], style.emptyFill], "fill-antialias": false } },
        ...patterned,
        line("edges", "areas", "#ffffff", ["interpolate", ["linear"], ["zoom"], 6, 0, 9, 0.4, 12, 1]),
        line("borders", "borders", style.edge, ["interpolate", ["linear"], ["zoom"], 6, 0.4, 10, 1.6]),
        line("chosen-edge", "areas", "#ffffff", 6, nothing),
        line("chosen", "areas", style.ink, 3, nothing),
      ],
    };
  }

  const locale = {
    "Map.Title": words.map_label,
    "NavigationControl.ZoomIn": words.zoom_in,
    "NavigationControl.ZoomOut": words.zoom_out,
    "CooperativeGesturesHandler.WindowsHelpText": words.scroll_help,
    "CooperativeGesturesHandler.MacHelpText": words.scroll_help_mac,
    "CooperativeGesturesHandler.MobileHelpText": words.touch_help,
  };

  /** Make the map; returns false where the browser cannot draw it. */
  function start(bounds) {
    const { box } = BeeldAtlas.areas;
    if (!box) return refuse(words.no_borders);
    const [west, south, east, north] = box;
    const wide = Math.max(east - west, 0.05), high = Math.max(north - south, 0.03);
    try {
      map = new maplibregl.Map({
        container: "map", style: sources(), bounds, fitBoundsOptions: { padding: 20 },
        maxBounds: [west - wide, south - high, east + wide, north + high], maxZoom: 16, attributionControl: false,
        renderWorldCopies: false, dragRotate: false, pitchWithRotate: false, touchPitch: false, cooperativeGestures: true,
        fadeDuration: 0, locale, canvasContextAttributes: { preserveDrawingBuffer: true },
      });
    } catch {
      return refuse(words.no_webgl);
    }
    map.touchZoomRotate.disableRotation();
    map.keyboard.disableRotation();
    for (const [id, pattern, colour] of PATTERNS) map.addImage(id, image(pattern, colour), { pixelRatio: 2 });
    map.addControl(new maplibregl.NavigationControl({ showCompass: false }));
    map.addControl(new maplibregl.ScaleControl({ maxWidth: 120 }), "bottom-left");
    map.on("mousemove", "areas", (event) => hover(event.features[0].id - 1));
    map.on("mouseleave", "areas", () => { map.getCanvas().style.cursor = ""; BeeldAtlas.page.point(null); });
    map.on("click", "areas", (event) => click(event.features[0].id - 1, event.originalEvent));
    // `isStyleLoaded` is false again after every change of colour, so it does not tell whether layers exist.
    map.once("load", () => { ready = true; if (current) paint(); });
    map.on("move", moveNames);
    map.on("moveend", placeNames);
    map.once("idle", () => { document.documentElement.dataset.map = "ready"; performance.mark("first-map"); });
    return true;
  }

  function refuse(text) {
    map = null;
    document.getElementById("map").hidden = true;
    const message = document.getElementById("no-map");
    message.hidden = false;
    message.textContent = text;
    document.documentElement.dataset.map = "none";
    return false;
  }

  function hover(position) {
    if (!current || !current.shown.has(position)) return;
    map.getCanvas().style.cursor = "pointer";
    BeeldAtlas.page.point(position);
  }

  /** A click goes to the profile; where nothing can hover, the first touch shows the figure. */
  function click(position, event) {
    if (!current.shown.has(position)) return;
    const touched = event.pointerType === "touch" || matchMedia("(hover: none)").matches;
    const place = view.profile(position);
    if (place && (!touched || current.state.gebied === BeeldAtlas.areas.code[position])) location.href = place;
    else BeeldAtlas.page.choose(position);
  }

  // ---------------------------------------------------------------- what it shows

  /** Colour the shown areas by the classes of a sheet. */
  function draw(sheet, state) {
    if (!map) return;
    const shown = new Set(view.shown(state));
    current = { sheet, state, shown };
    if (ready) paint();
  }

  function paint() {
    const { sheet, state, shown } = current;
    const looks = view.legend(sheet, state);
    const patterned = Object.fromEntries(PATTERNS.map(([id]) => [id, []]));
    BeeldAtlas.areas.code.forEach((_, position) => {
      const id = position + 1;
      const klass = view.classOf(sheet, state, position);
      const inside = shown.has(position);
      map.setFeatureState({ source: "areas", id }, { fill: !inside ? OUTSIDE : klass < 0 ? style.emptyFill : looks[klass][1] });
      if (!inside) return;
      const kind = sheet.kinds[sheet.kind[position]][2];
      if (klass < 0 && patterned[kind]) patterned[kind].push(id);
      if (klass >= 0 && sheet.unsure.has(position)) patterned[looks[klass][2] === style.ink ? "unsure-dark" : "unsure-light"].push(id);
    });
    for (const [id, ids] of Object.entries(patterned)) {
      map.setFilter(id, among(ids));
      map.setLayoutProperty(id, "visibility", ids.length ? "visible" : "none");
    }
    choose(state.gebied);
    placeNames();
  }

  /** Outline the area with this code; empty for none. */
  function choose(code) {
    if (!map || !ready) return;
    const position = BeeldAtlas.areas.index.get(code);
    const filter = position === undefined ? nothing : ["==", ["id"], position + 1];
    map.setFilter("chosen", filter);
    map.setFilter("chosen-edge", filter);
  }

  /** The box around areas as maplibre wants it. */
  function boxOf(positions) {
    const { areas } = BeeldAtlas;
    let [west, south, east, north] = [Infinity, Infinity, -Infinity, -Infinity];
    for (const position of positions) for (const polygon of areas.shape[position] || []) {
      let x = 0, y = 0;
      polygon[0].forEach((step, i) => {
        if (i % 2) { y += step; south = Math.min(south, y); north = Math.max(north, y); }
        else { x += step; west = Math.min(west, x); east = Math.max(east, x); }
      });
    }
    return west > east ? areas.box : [west, south, east, north].map((each) => each / areas.scale);
  }

  /** Show all of these areas. */
  function zoomTo(positions) {
    if (map) map.fitBounds(boxOf(positions), { padding: 20, duration: 0 });
  }

  // ---------------------------------------------------------------- names

  /** The middle of the largest polygon of a shape, in degrees. */
  function middle(shapeOf) {
    let best = null;
    for (const polygon of shapeOf) {
      const { scale } = BeeldAtlas.areas;
      let x = polygon[0][0], y = polygon[0][1], twice = 0, sumX = 0, sumY = 0;
      const [firstX, firstY] = [x, y];
      const add = (toX, toY) => {
        const cross = (x - firstX) * (toY - firstY) - (toX - firstX) * (y - firstY);
        twice += cross; sumX += (x + toX + firstX) * cross; sumY += (y + toY + firstY) * cross;
        x = toX; y = toY;
      };
      for (let i = 2; i < polygon[0].length; i += 2) add(x + polygon[0][i], y + polygon[0][i + 1]);
      const centre = twice ? [sumX / twice / 3, sumY / twice / 3] : [firstX, firstY];
      if (!best || Math.abs(twice) > best.size) best = { size: Math.abs(twice), at: centre.map((each) => each / scale) };
    }
    return best && best.at;
  }

  const middles = new Map();
  function middleOf(position) {
    if (!middles.has(position)) middles.set(position, BeeldAtlas.areas.shape[position] ? middle(BeeldAtlas.areas.shape[position]) : null);
    return middles.get(position);
  }

  /** What may get a name: the buurten in view when they are few, else the gemeenten by their most populous buurt. */
  function candidates() {
    const { areas } = BeeldAtlas;
    const seen = map.getBounds();
    const inView = [...current.shown].filter((position) => { const at = middleOf(position); return at && seen.contains(at); });
    if (inView.length <= FEW) {
      return inView.map((position) => ({ text: areas.name[position], at: middleOf(position), size: areas.people[position], light: onDark(position) }));
    }
    const towns = new Map();
    for (const position of inView) {
      const home = areas.gemeente[position];
      const found = towns.get(home) || { text: content.gemeenten[home][1], people: 0, size: 0, town: true };
      found.size += areas.people[position];
      if (areas.people[position] >= found.people) { found.people = areas.people[position]; found.at = middleOf(position); }
      towns.set(home, found);
    }
    return [...towns.values()];
  }

  /** True where black letters would not stand out. */
  function onDark(position) {
    const { sheet, state } = current;
    const klass = view.classOf(sheet, state, position);
    return klass >= 0 && view.legend(sheet, state)[klass][2] !== style.ink;
  }

  /** Put the names that fit without touching another, those of the most people first. */
  function placeNames() {
    if (!map || !current) return;
    for (const { element } of names) element.remove();
    names = [];
    const taken = [];
    const room = map.getCanvasContainer();
    for (const { text, at, light, town } of candidates().sort((a, b) => b.size - a.size || (a.text < b.text ? -1 : 1))) {
      const { x, y } = map.project(at);
      if (taken.length >= MOST_TOWNS && town) break;
      const half = Math.min(text.length * 3.4, 70) + (town ? 25 : 3);
      const tall = Math.ceil(text.length / 20) * 9 + (town ? 12 : 1);
      const box = [x - half, y - tall, x + half, y + tall];
      if (taken.some((other) => box[0] < other[2] && box[2] > other[0] && box[1] < other[3] && box[3] > other[1])) continue;
      taken.push(box);
      const element = view.node("span", { class: light ? "naam licht" : "naam", "aria-hidden": "true" }, text);
      room.append(element);
      names.push({ element, at });
    }
    moveNames();
  }

  function moveNames() {
    for (const { element, at } of names) {
      const { x, y } = map.project(at);
      element.style.transform = `translate(${x.toFixed(1)}px, ${y.toFixed(1)}px) translate(-50%, -50%)`;
    }
  }

  return { start, draw, choose, zoomTo, boxOf, swatch, get drawn() { return map; } };
})();
