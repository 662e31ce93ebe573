"use strict";
// The page of a net: what moves the drawing, finds a layer, tells of it, and talks to the editor.
// Names from a file reach the document as text alone (textContent), never as markup.

const $ = (id) => document.getElementById(id);
const SVG = "http://www.w3.org/2000/svg";
const stage = $("stage"), world = $("world"), panel = $("panel"), search = $("search");
let data = JSON.parse($("data").textContent);
let mode = data.collapsed ? "collapsed" : "full";
let chosen = -1, at = { x: 0, y: 0, scale: 1 }, chunks = [], cards = new Map(), wires = [];

function make(tag, text, attributes = {}) {
  const element = document.createElement(tag);
  if (text !== undefined) element.textContent = text;
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

// ---------------------------------------------------------------- the drawing

const CHUNK = 2400; // pixels; what is out of sight is taken out of the rendering, chunk by chunk

function show(keep) {
  const view = data.views[mode];
  const parsed = new DOMParser().parseFromString(`<svg xmlns="${SVG}">${view.svg}</svg>`, "image/svg+xml");
  const groups = new Map();
  cards = new Map();
  wires = [];
  for (const element of [...parsed.documentElement.children]) {
    const [low, high] = extent(element, view.across);
    const key = high - low > 2 * CHUNK ? "long" : Math.floor(low / CHUNK);
    if (!groups.has(key)) groups.set(key, { group: document.createElementNS(SVG, "g"), low, high, key });
    const chunk = groups.get(key);
    chunk.low = Math.min(chunk.low, low);
    chunk.high = Math.max(chunk.high, high);
    const own = document.importNode(element, true);
    chunk.group.append(own);
    if (own.dataset.box) adopt(own);
    if (own.dataset.tail) wires.push(own);
  }
  chunks = [...groups.values()];
  world.replaceChildren(...chunks.map((chunk) => chunk.group));
  $("name").textContent = data.name;
  $("caption").textContent = `${view.caption} · ${data.phase}`;
  document.title = `${data.name} · protonet`;
  $("blocks").setAttribute("aria-pressed", String(mode === "collapsed"));
  $("blocks").hidden = mode === "collapsed" && !view.runs;
  if (keep && cards.has(chosen)) choose(chosen, false);
  else if (!keep) fit();
  place();
}

function extent(element, across) {
  const body = element.querySelector("rect") || element;
  const axis = across ? ["x", "width"] : ["y", "height"];
  if (body.hasAttribute(axis[1])) {
    const low = Number(body.getAttribute(axis[0]));
    return [low, low + Number(body.getAttribute(axis[1]))];
  }
  if (element.hasAttribute("d")) {
    const numbers = element.getAttribute("d").match(/-?[\d.]+/g).map(Number);
    const first = numbers[across ? 0 : 1], last = numbers[numbers.length - (across ? 2 : 1)];
    if (element.classList.contains("tip")) return [first - 6, first + 6];
    return [Math.min(first, last), Math.max(first, last)];
  }
  const low = Number(element.getAttribute(axis[0]) || 0);
  return [low, low + 20];
}

function adopt(card) {
  const index = Number(card.dataset.box);
  cards.set(index, card);
  card.id = `card${index}`;
  card.setAttribute("role", "button");
  card.setAttribute("aria-label", card.querySelector("title").textContent);
}

function place() {
  const { width, height } = stage.getBoundingClientRect();
  world.setAttribute("transform", `translate(${at.x} ${at.y}) scale(${at.scale})`);
  world.classList.toggle("far", at.scale < 0.28);
  const across = data.views[mode].across;
  const low = (across ? -at.x : -at.y) / at.scale - 200;
  const high = low + (across ? width : height) / at.scale + 400;
  for (const chunk of chunks) {
    const seen = chunk.key === "long" || (chunk.high >= low && chunk.low <= high);
    if (chunk.seen !== seen) chunk.group.style.display = seen ? "" : "none";
    chunk.seen = seen;
  }
}

let waits = false;
function soon() {
  if (waits) return;
  waits = true;
  requestAnimationFrame(() => { waits = false; place(); });
}

function fit() {
  const { width, height } = stage.getBoundingClientRect();
  const view = data.views[mode];
  const whole = Math.min(width / view.width, height / view.height, 1.6);
  // A long net begins at its top, large enough to be read.
  at.scale = Math.max(whole, Math.min(view.across ? height / view.height : width / view.width, 0.85));
  if (!Number.isFinite(at.scale)) at.scale = 1;
  at.x = view.width * at.scale < width ? (width - view.width * at.scale) / 2 : 0;
  at.y = view.height * at.scale < height ? (height - view.height * at.scale) / 2 : 0;
  soon();
}

function all() {
  const { width, height } = stage.getBoundingClientRect();
  const view = data.views[mode];
  at.scale = Math.min(width / view.width, height / view.height, 1.6);
  at.x = (width - view.width * at.scale) / 2;
  at.y = (height - view.height * at.scale) / 2;
  soon();
}

function zoom(factor, x, y) {
  const box = stage.getBoundingClientRect();
  x = x === undefined ? box.width / 2 : x - box.left;
  y = y === undefined ? box.height / 2 : y - box.top;
  const scale = Math.min(6, Math.max(0.004, at.scale * factor));
  at.x = x - (x - at.x) * (scale / at.scale);
  at.y = y - (y - at.y) * (scale / at.scale);
  at.scale = scale;
  soon();
}

function centre(index) {
  const body = cards.get(index)?.querySelector(".body");
  if (!body) return;
  const box = stage.getBoundingClientRect();
  const [x, y, w, h] = ["x", "y", "width", "height"].map((name) => Number(body.getAttribute(name)));
  if (at.scale < 0.5) at.scale = 0.9;
  at.x = box.width / 2 - (x + w / 2) * at.scale;
  at.y = box.height / 2 - (y + h / 2) * at.scale;
  wide = stage.clientWidth; // the panel, if this opens it, is counted
  soon();
}

let drag = null;
stage.addEventListener("pointerdown", (event) => {
  if (event.button) return;
  drag = { x: event.clientX, y: event.clientY, moved: false, target: event.target };
});
stage.addEventListener("pointermove", (event) => {
  if (!drag) return;
  const dx = event.clientX - drag.x, dy = event.clientY - drag.y;
  if (!drag.moved && Math.hypot(dx, dy) < 4) return;
  if (!drag.moved) stage.setPointerCapture(event.pointerId);
  drag = { ...drag, moved: true, x: event.clientX, y: event.clientY };
  stage.classList.add("drags");
  at.x += dx;
  at.y += dy;
  soon();
});
stage.addEventListener("pointerup", () => {
  stage.classList.remove("drags");
  const was = drag;
  drag = null;
  if (!was || was.moved) return;
  const card = was.target.closest?.(".card");
  if (card) choose(Number(card.dataset.box), false);
  else if (was.target.closest?.(".badge")) turn(Number(was.target.closest(".frame").dataset.boxes));
  else choose(-1);
});
stage.addEventListener("pointercancel", () => { drag = null; stage.classList.remove("drags"); });
stage.addEventListener("wheel", (event) => {
  event.preventDefault();
  if (event.ctrlKey || event.metaKey) return zoom(Math.exp(-event.deltaY / 240), event.clientX, event.clientY);
  const unit = event.deltaMode === 1 ? 20 : 1;
  at.x -= (event.shiftKey ? event.deltaY : event.deltaX) * unit;
  at.y -= (event.shiftKey ? 0 : event.deltaY) * unit;
  soon();
}, { passive: false });

async function turn(index) {
  const other = mode === "collapsed" ? "full" : "collapsed";
  if (!data.views[other] && data.live) await check(other);
  if (!data.views[other]) return;
  mode = other;
  const target = index ?? (chosen >= 0 ? chosen : undefined);
  show(false);
  if (target === undefined) return;
  choose(cards.has(target) ? target : nearest(target), true);
}

function nearest(index) {
  return [...cards.keys()].reduce((best, key) => Math.abs(key - index) < Math.abs(best - index) ? key : best);
}

// ---------------------------------------------------------------- one layer

function choose(index, move = false) {
  cards.get(chosen)?.classList.remove("chosen");
  chosen = cards.has(index) ? index : -1;
  for (const wire of wires) {
    const own = chosen >= 0 && (Number(wire.dataset.tail) === chosen || Number(wire.dataset.head) === chosen);
    wire.classList.toggle("chosen", own);
  }
  panel.hidden = chosen < 0;
  if (chosen < 0) {
    stage.removeAttribute("aria-activedescendant");
    return;
  }
  cards.get(chosen).classList.add("chosen");
  stage.setAttribute("aria-activedescendant", `card${chosen}`);
  $("said").textContent = cards.get(chosen).getAttribute("aria-label");
  tell(data.boxes[chosen]);
  if (move) centre(chosen);
  if (data.live && !$("editor").hidden) follow(data.boxes[chosen]);
}

const number = (n) => n.toLocaleString("en");
function bytes(n) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let power = 0;
  while (n >= 999.5 && power < 4) { n /= 1000; power += 1; }
  return `${Number(n.toPrecision(3))} ${units[power]}`;
}

function tell(box) {
  const close = make("button", "×", { class: "close", "aria-label": "Close" });
  close.addEventListener("click", () => { choose(-1); stage.focus(); });
  panel.replaceChildren(close, make("h2", box.title), make("p", box.words, { class: "kind" }));
  for (const layer of box.layers) panel.append(...about(layer));
  panel.scrollTop = 0;
}

function about(layer) {
  const table = make("table");
  const row = (name, value) => {
    if (value === "" || value === undefined) return;
    const line = make("tr");
    line.append(make("th", name, { scope: "row" }), make("td", value));
    table.append(line);
  };
  row("type", layer.type);
  for (const [blob, shape] of layer.bottoms) row("bottom", `${blob}  ${shape}`);
  for (const [blob, shape] of layer.tops) row("top", `${blob}  ${shape}`);
  for (const [name, value] of layer.fields) row(name, value);
  if (layer.parameters) row("parameters", number(layer.parameters));
  if (layer.statistics) row("statistics", number(layer.statistics));
  if (layer.shared.length) row("shares", layer.shared.join(", "));
  if (layer.adds) row("multiply-adds", number(layer.adds));
  if (layer.forward) row("memory", bytes(layer.forward));
  if (layer.training) row("kept in training", bytes(layer.training));
  row("receptive field", layer.field);
  if (layer.losses.length) row("loss weight", layer.losses.join(", "));
  const parts = [make("h3", layer.name), table];
  const lines = layer.line ? ` (line ${layer.start}${layer.end > layer.start ? `–${layer.end}` : ""})` : "";
  parts.push(make("h4", `prototxt${lines}`), make("pre", layer.prototxt, { tabindex: "0", class: "prototxt" }));
  parts.push(...pytorch(layer));
  return parts;
}

function pytorch(layer) {
  if (data.torch) {
    const lines = data.torch[layer.key] || [];
    return lines.length ? [make("h4", "PyTorch"), make("pre", lines.join("\n"), { tabindex: "0", class: "pytorch" })] : [];
  }
  if (!data.live) return [];
  const ask = make("button", "Show its PyTorch", { class: "emit" });
  ask.addEventListener("click", async () => {
    ask.disabled = true;
    ask.textContent = "Compiling …";
    const compiled = $("text").value;
    const answer = await send("torch", { text: compiled });
    if ($("text").value !== compiled) { ask.disabled = false; ask.textContent = "Show its PyTorch"; return; }
    if (answer?.torch) data.torch = answer.torch;
    else { ask.textContent = answer?.error || "It can't be compiled now"; return; }
    if (chosen >= 0) tell(data.boxes[chosen]);
  });
  return [ask];
}

// ---------------------------------------------------------------- search

let found = [], marked = -1;
function find() {
  for (const card of cards.values()) card.classList.remove("hit");
  const query = search.value.trim().toLowerCase(), words = query.split(/\s+/).filter(Boolean);
  found = [];
  if (words.length) {
    data.boxes.forEach((box, index) => box.layers.forEach((layer) => {
      const text = [layer.name, layer.type, ...layer.tops.map((top) => top[0])].join("\n").toLowerCase();
      if (words.every((word) => text.includes(word))) found.push({ index, layer });
    }));
  }
  const whole = (hit) => hit.layer.name.toLowerCase() === query;
  found = [...found.filter(whole), ...found.filter((hit) => !whole(hit))];
  for (const hit of found) cards.get(hit.index)?.classList.add("hit");
  marked = found.length ? 0 : -1;
  list();
}

function list() {
  const rows = found.slice(0, 60).map((hit, i) => {
    const row = make("li", hit.layer.name, { role: "option", id: `match${i}`, "aria-selected": String(i === marked) });
    row.append(make("small", hit.layer.type));
    row.addEventListener("pointerdown", (event) => { event.preventDefault(); go(i); });
    return row;
  });
  const more = found.length - rows.length;
  if (more > 0) rows.push(make("li", `and ${more} more`, { "aria-disabled": "true" }));
  if (!found.length && search.value.trim()) rows.push(make("li", "no layer has that", { "aria-disabled": "true" }));
  $("matches").replaceChildren(...rows);
  $("matches").hidden = !rows.length;
  search.setAttribute("aria-expanded", String(rows.length > 0));
  if (marked >= 0) search.setAttribute("aria-activedescendant", `match${marked}`);
  else search.removeAttribute("aria-activedescendant");
}

async function go(i) {
  const hit = found[i];
  if (!hit) return;
  marked = i;
  $("matches").hidden = true;
  search.setAttribute("aria-expanded", "false");
  if (!cards.has(hit.index) && mode === "collapsed") await turn(hit.index);
  choose(hit.index, true);
}

search.addEventListener("input", find);
search.addEventListener("focus", () => { if (search.value) list(); });
search.addEventListener("blur", () => { $("matches").hidden = true; });
search.addEventListener("keydown", (event) => {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step && found.length) {
    const shown = Math.min(found.length, 60);
    marked = (marked + step + shown) % shown;
    list();
    $(`match${marked}`)?.scrollIntoView({ block: "nearest" });
  } else if (event.key === "Enter") go(Math.max(marked, 0));
  else if (event.key === "Escape") { search.value = ""; find(); stage.focus(); }
  else return;
  event.preventDefault();
});

// ---------------------------------------------------------------- keys

function neighbour(key) {
  const across = data.views[mode].across;
  const along = across ? { ArrowRight: "head", ArrowLeft: "tail" } : { ArrowDown: "head", ArrowUp: "tail" };
  const end = along[key];
  if (end) {
    const other = end === "head" ? "tail" : "head";
    const next = wires.filter((w) => Number(w.dataset[other]) === chosen).map((w) => Number(w.dataset[end]));
    const on = next.filter((i) => cards.has(i));
    return on.length ? (end === "head" ? Math.min(...on) : Math.max(...on)) : beside(end === "head" ? 1 : -1);
  }
  const body = (i) => cards.get(i).querySelector(".body");
  const value = (i, name) => Number(body(i).getAttribute(name));
  const side = across ? "y" : "x", row = across ? "x" : "y";
  const forward = key === "ArrowRight" || key === "ArrowDown";
  const own = value(chosen, side);
  const others = [...cards.keys()].filter((i) => i !== chosen && Math.abs(value(i, row) - value(chosen, row)) < 60
    && (forward ? value(i, side) > own : value(i, side) < own));
  return others.reduce((best, i) => best === -1 || Math.abs(value(i, side) - own) < Math.abs(value(best, side) - own) ? i : best, -1);
}

function beside(step) {
  const order = [...cards.keys()].sort((a, b) => a - b);
  return order[order.indexOf(chosen) + step] ?? -1;
}

stage.addEventListener("keydown", (event) => {
  if (!event.key.startsWith("Arrow") && event.key !== "Enter" && event.key !== "Home" && event.key !== "End") return;
  event.preventDefault();
  const order = [...cards.keys()].sort((a, b) => a - b);
  if (event.key === "Home" || chosen < 0) return choose(order[0], true);
  if (event.key === "End") return choose(order[order.length - 1], true);
  if (event.key === "Enter") { panel.focus(); return; }
  const next = neighbour(event.key);
  if (next >= 0) choose(next, true);
});

document.addEventListener("keydown", (event) => {
  const typing = event.target.matches("input, textarea");
  if (event.key === "Escape" && !typing) { choose(-1); stage.focus(); return; }
  if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
  const act = { "/": () => search.focus(), "+": () => zoom(1.25), "=": () => zoom(1.25), "-": () => zoom(0.8),
    0: all, b: () => turn(), t: theme }[event.key];
  if (act) { event.preventDefault(); act(); }
});

function theme() {
  const dark = document.documentElement.dataset.theme === "dark";
  document.documentElement.dataset.theme = dark ? "light" : "dark";
}

$("blocks").addEventListener("click", () => turn());
$("smaller").addEventListener("click", () => zoom(0.8));
$("larger").addEventListener("click", () => zoom(1.25));
$("fit").addEventListener("click", all);
$("theme").addEventListener("click", theme);
if (matchMedia("(prefers-color-scheme: dark)").matches) theme();
let wide = stage.clientWidth;
new ResizeObserver(() => {
  // What was in the middle stays there when the panel opens.
  at.x += (stage.clientWidth - wide) / 2;
  wide = stage.clientWidth;
  soon();
}).observe(stage);

// ---------------------------------------------------------------- the editor

const text = $("text");
let saved = "", version = 0, asked = 0, timer = 0;

async function send(what, body) {
  try {
    const answer = await fetch(what, { method: "POST", body: JSON.stringify(body),
      headers: { "Content-Type": "application/json", "X-Protonet": "1" } });
    return await answer.json();
  } catch {
    $("state").textContent = "protonet view has ended";
    return null;
  }
}

async function check(wanted = mode) {
  const turn = ++asked;
  const answer = await send("check", { text: text.value, view: wanted });
  if (!answer || turn !== asked) return;
  problems(answer.errors);
  $("stale").hidden = Boolean(answer.net);
  if (!answer.net) return;
  const same = JSON.stringify(answer.net.boxes) === JSON.stringify(data.boxes);
  const views = same ? { ...data.views, ...answer.net.views } : answer.net.views;
  const had = chosen >= 0 ? data.boxes[chosen].layers[0].key : null;
  data = { ...data, ...answer.net, views, torch: same ? data.torch : null };
  if (wanted !== mode) return;
  chosen = data.boxes.findIndex((box) => had !== null && box.layers[0].key === had);
  show(true);
  if (search.value) find();
  if (chosen < 0) choose(-1);
}

function problems(errors) {
  const rows = errors.map((error) => {
    const row = make("li"), button = make("button");
    const where = error.line ? `${error.line}:${error.column}  ` : "";
    button.append(make("b", `${where}${error.message}`));
    if (error.hint) button.append(make("small", error.hint));
    button.addEventListener("click", () => select(error.start, error.end));
    row.append(button);
    return row;
  });
  $("problems").replaceChildren(...rows);
  underline(errors.filter((error) => error.end > error.start));
}

let underlined = [], here = null;
function underline(errors) {
  underlined = errors;
  const marks = [...underlined.map((e) => [e.start, e.end, ""])];
  if (here) marks.push([...here, "here"]);
  marks.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  const pieces = [];
  let done = 0;
  for (const [start, end, kind] of marks) {
    if (start < done) continue;
    pieces.push(document.createTextNode(text.value.slice(done, start)));
    pieces.push(make("mark", text.value.slice(start, end), kind ? { class: kind } : {}));
    done = end;
  }
  pieces.push(document.createTextNode(`${text.value.slice(done)}\n`));
  $("marks").replaceChildren(...pieces);
  level();
}

function level() {
  $("marks").scrollTop = $("gutter").scrollTop = text.scrollTop;
  $("marks").scrollLeft = text.scrollLeft;
  colour();
}

const TOKEN = new RegExp([
  "(?<comment>#.*)", "(?<string>\"(?:[^\"\\\\]|\\\\.)*\"?|'(?:[^'\\\\]|\\\\.)*'?)",
  "(?<block>[A-Za-z_]\\w*)(?=\\s*:?\\s*[{<])", "(?<field>[A-Za-z_]\\w*)(?=\\s*:)",
  "(?<number>[-+]?\\.?\\d[\\w.]*(?:(?<=[eE])[-+]\\d+)?)", "(?<word>[A-Za-z_]\\w*)",
].join("|"), "g");
const LINE = 20, LONGEST = 2000;

// The text in colours, of the lines that can be seen: a net may have thirty thousand.
function colour() {
  const first = Math.max(0, Math.floor(text.scrollTop / LINE) - 1);
  const rows = text.value.split("\n").slice(first, first + Math.ceil(text.clientHeight / LINE) + 3);
  const pieces = [];
  for (const row of rows) {
    let done = 0;
    for (const found of row.slice(0, LONGEST).matchAll(TOKEN)) {
      const kind = Object.keys(found.groups).find((name) => found.groups[name] !== undefined);
      if (kind === "field") continue;
      pieces.push(document.createTextNode(row.slice(done, found.index)));
      pieces.push(make("span", found[0], { class: kind }));
      done = found.index + found[0].length;
    }
    pieces.push(document.createTextNode(`${row.slice(done)}\n`));
  }
  $("colours").replaceChildren(...pieces);
  $("colours").style.transform = `translate(${-text.scrollLeft}px, ${first * LINE - text.scrollTop}px)`;
}

function lines() {
  const count = text.value.split("\n").length;
  if ($("gutter").dataset.count === String(count)) return;
  $("gutter").dataset.count = count;
  $("gutter").textContent = `${Array.from({ length: count }, (_, i) => i + 1).join("\n")}\n\n\n`;
}

function select(start, end) {
  text.focus();
  text.setSelectionRange(start, end);
  const line = text.value.slice(0, start).split("\n").length;
  text.scrollTop = Math.max(0, (line - 5) * 20);
}

function offset(line) {
  let start = 0;
  for (let i = 1; i < line; i += 1) start = text.value.indexOf("\n", start) + 1;
  return start;
}

function follow(box) {
  const layer = box.layers[0];
  if (!layer.start || document.activeElement === text) return;
  const end = text.value.indexOf("\n", offset(layer.end));
  here = [offset(layer.start), end < 0 ? text.value.length : end];
  underline(underlined);
  text.scrollTop = Math.max(0, (layer.start - 4) * 20);
}

function dirty() {
  const is = text.value !== saved;
  $("save").disabled = !is;
  $("state").textContent = is ? "not saved" : "";
}

function load(content) {
  text.value = content;
  saved = text.value;
  here = null;
  $("reload").hidden = true;
  lines();
  dirty();
}

async function save() {
  if ($("save").disabled) return;
  const content = text.value;
  const answer = await send("save", { text: content, version });
  if (!answer) return;
  if (answer.error) { $("state").textContent = answer.error; return; }
  version = answer.version;
  saved = content;
  dirty();
  if (text.value === saved) $("state").textContent = "saved";
}

async function watch() {
  for (;;) {
    const answer = await send("changes", { version });
    if (!answer) { await new Promise((done) => setTimeout(done, 2000)); continue; }
    if (answer.version === version) continue;
    version = answer.version;
    if (answer.text === undefined) { $("state").textContent = answer.error || ""; continue; }
    if (text.value === saved || text.value === answer.text) { load(answer.text); check(); continue; }
    $("state").textContent = "the file has changed on disk";
    $("reload").hidden = false;
    $("reload").onclick = () => { load(answer.text); check(); };
  }
}

function edit() {
  $("editor").hidden = false;
  $("file").textContent = data.file;
  version = data.version;
  load(data.text);
  problems(data.errors);
  $("stale").hidden = !data.errors.length || !data.boxes.length;
  text.addEventListener("input", () => {
    here = null;
    lines();
    dirty();
    underline([]);
    clearTimeout(timer);
    timer = setTimeout(check, 200);
  });
  text.addEventListener("scroll", level);
  new ResizeObserver(colour).observe(text);
  text.addEventListener("keydown", (event) => {
    if (event.key === "Escape") stage.focus();
  });
  text.addEventListener("click", reveal);
  text.addEventListener("keyup", (event) => { if (event.key.startsWith("Arrow")) reveal(); });
  document.addEventListener("keydown", (event) => {
    if (event.key === "s" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); save(); }
  });
  $("save").addEventListener("click", save);
  addEventListener("beforeunload", (event) => { if (text.value !== saved) event.preventDefault(); });
  watch();
}

function reveal() {
  const line = text.value.slice(0, text.selectionStart).split("\n").length;
  const index = data.boxes.findIndex((box) => box.layers.some((l) => l.start && l.start <= line && line <= l.end));
  if (index >= 0 && index !== chosen && cards.has(index)) choose(index, true);
}

if (data.live) edit();
show(false);
