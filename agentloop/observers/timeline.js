"use strict";
/* Draws a timeline, as `page_data` describes it. Every text goes in as text: nothing here parses HTML. */

const number = new Intl.NumberFormat("en-US");
const HIDDEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;

/* Characters that are invisible, or turn text round, are named. */
function visible(text) {
  return String(text).replace(HIDDEN, (c) => `⟨U+${c.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}⟩`);
}

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("--")) element.style.setProperty(name, value);
    else if (name === "left" || name === "width") element.style[name] = value;
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null).map((child) => (typeof child === "string" ? visible(child) : child)));
  return element;
}

function seconds(value) {
  if (value === 0) return "0 s";
  if (value < 0.0005) return `${Math.round(value * 1e6)} µs`;
  if (value < 1) return `${(value * 1000).toFixed(value < 0.01 ? 1 : 0)} ms`;
  return value < 100 ? `${value.toFixed(2)} s` : `${number.format(Math.round(value))} s`;
}

/* Cents, and of less than a dollar four digits that count. */
function dollars(value) {
  if (value === null) return "unknown";
  const decimals = value > 0 && value < 1 ? Math.min(10, 3 - Math.floor(Math.log10(value))) : 2;
  return `$${value.toLocaleString("en-US", { minimumFractionDigits: 2, maximumFractionDigits: decimals })}`;
}

/** What a lane cost; "claimed" if only a server says so that is not trusted. */
function cost(lane) {
  return `${dollars(lane.usd)}${lane.claimed ? " (claimed)" : ""}`;
}

function plural(count, noun) {
  return `${number.format(count)} ${noun}${count === 1 ? "" : "s"}`;
}

function where(server) {
  if (!server) return "";
  return server === "local" ? "in the client's process" : `on ${server}`;
}

const STOPPED = {
  tool_use: "to call tools", end_turn: "with its answer", max_tokens: "at the limit of tokens", stop_sequence: "at a stop sequence",
  pause_turn: "paused by the API", refusal: "with a refusal", model_context_window_exceeded: "because the context window was full",
};

function ended(turn) {
  return STOPPED[turn.stop] ?? turn.stop;
}

/* The start of a text, on one line. */
function start(text, length) {
  const line = (text ?? "").replace(/\s+/g, " ").trim();
  return line.length <= length ? line : `${line.slice(0, length - 1)}…`;
}

function laneName(lane) {
  return lane.call ? `${lane.agent} #${lane.call.number}` : lane.agent;
}

/* The start of a server as a lane of one bar. */
function serverLane(server) {
  const { begin, end, error, remote } = server;
  const bar = { kind: "start", name: remote ? "connecting" : "starting", begin, end, failed: Boolean(error), result: error, track: 0 };
  return { server: true, agent: server.name, depth: 0, begin, end, error, bars: [bar] };
}

class Page {
  constructor(data, root) {
    this.data = data;
    this.root = root;
    this.span = Math.max(data.seconds, 1e-6);
    this.zoom = 1;
    this.pinned = null;
    this.current = null;
    this.folded = new Set();
    this.lanes = [...data.servers.map(serverLane), ...data.lanes];
    this.slowestFirst = false;
    this.failedOnly = false;
    this.things = new Map();
    this.rows = [];
  }

  find(selector) {
    return this.root.querySelector(selector);
  }

  draw() {
    this.drawTop();
    this.drawTotals();
    this.drawBusy();
    this.drawLanes();
    this.drawAxis();
    this.drawModels();
    this.find(".table").addEventListener("toggle", () => this.drawTable(), { once: true });
    this.listen();
    this.root.hidden = false;
    const root = this.lanes.find((lane) => !lane.server);
    if (root) this.find(".details").replaceChildren(...this.laneDetails(root));
  }

  /* When it was, and each question with its answer. */
  drawTop() {
    const { began, questions } = this.data;
    if (began) {
      const time = new Date(began);
      const text = time.toLocaleString("en-GB", { dateStyle: "long", timeStyle: "medium" });
      this.find(".when").replaceChildren(make("time", { datetime: began }, text));
    }
    const region = (kind, name, text) => make("p", { class: kind, dir: "auto", tabindex: "0", role: "region", "aria-label": name }, text);
    this.find(".asked").replaceChildren(...questions.flatMap(({ prompt, answer, error }, index) => {
      const number_ = questions.length > 1 ? ` ${index + 1}` : "";
      const answered = error ? region("answer bad", `Error${number_}`, error) : answer === null ? make("p", { class: "answer" }, "Not finished.") : region("answer", `Answer${number_}`, answer);
      return [region("question", `Question${number_}`, prompt || "Nothing was asked."), answered];
    }));
    document.title = visible(questions.length ? `${start(questions[0].prompt, 80)} · timeline` : "Timeline");
  }

  drawTotals() {
    const t = this.data.totals;
    const cards = [
      ["Wall time", seconds(t.wall), "question to answer"],
      ...(t.starting > 0 ? [["Starting servers", seconds(t.starting), "not part of the wall time"]] : []),
      ["Sum of work", seconds(t.work), "one after the other"],
      ["Speed-up", t.at_work > 0 ? `${(t.work / t.at_work).toFixed(2)}×` : "–", t.at_work > 0 ? `done in ${seconds(t.at_work)} of working time` : ""],
      ["Critical path", seconds(t.critical), t.wall > 0 ? `${Math.round((100 * t.critical) / t.wall)}% of wall time` : "", "marked"],
      ["Tokens", number.format(t.tokens), plural(t.requests, "request")],
      ["Cost", dollars(t.usd), t.usd === null ? "a price is not known" : "from list prices"],
      ["Agents", number.format(t.agents), `${plural(t.calls, "call")}, ${t.failed ? number.format(t.failed) : "none"} failed`],
    ];
    this.find(".totals").replaceChildren(
      ...cards.map(([name, value, note, kind]) => make("div", { class: kind }, make("dt", {}, name), make("dd", {}, make("span", {}, value), make("small", {}, note)))),
    );
  }

  /* How many turns and calls run at each moment, as a stepped area. */
  drawBusy() {
    const changes = [];
    for (const lane of this.data.lanes) for (const bar of lane.bars) changes.push([bar.begin, 1], [bar.end ?? this.span, -1]);
    changes.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
    const columns = 800;
    const most = new Array(columns + 1).fill(0);
    let now = 0, peak = 0, at = 0;
    for (const [time, change] of changes) {
      const column = Math.min(columns, Math.floor((time / this.span) * columns));
      while (at < column) most[++at] = now;
      now += change;
      most[at] = Math.max(most[at], now);
      peak = Math.max(peak, now);
    }
    const height = 40;
    let line = `M0 ${height}`;
    most.forEach((count, column) => { line += `V${height - (count / Math.max(peak, 1)) * (height - 3)}H${column + 1}`; });
    const space = "http://www.w3.org/2000/svg";
    const picture = document.createElementNS(space, "svg");
    picture.setAttribute("viewBox", `0 0 ${columns} ${height}`);
    picture.setAttribute("preserveAspectRatio", "none");
    picture.setAttribute("role", "img");
    picture.setAttribute("aria-label", `Turns and calls at work at once over time, ${number.format(peak)} at most.`);
    for (const [kind, path] of [["area", `${line}V${height}Z`], ["edge", line]]) {
      const element = document.createElementNS(space, "path");
      element.setAttribute("class", kind);
      element.setAttribute("d", path);
      picture.append(element);
    }
    this.find(".corner").textContent = peak === 1 ? "one thing at a time" : `up to ${number.format(peak)} turns and calls at once`;
    this.find(".busy").replaceChildren(picture);
  }

  drawAxis() {
    const width = this.find(".ticks").offsetWidth;
    const room = Math.max(3, Math.floor(width / 110));
    const rough = this.span / room;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((f) => f * power).find((s) => s >= rough);
    const ticks = [];
    for (let at = 0; at <= this.span && ticks.length < 500; at += step) {
      ticks.push(make("span", { left: `${(100 * at) / this.span}%` }, seconds(at)));
    }
    this.find(".ticks").replaceChildren(...ticks);
    this.find(".chart").style.setProperty("--step", (100 * step) / this.span);
    for (const [element, { bar }] of this.things) {
      if (bar) element.classList.toggle("tiny", (((bar.end ?? this.span) - bar.begin) / this.span) * width < 30);
    }
  }

  place(begin, end) {
    return { left: `${(100 * begin) / this.span}%`, width: `${(100 * Math.max(0, (end ?? this.span) - begin)) / this.span}%` };
  }

  drawLanes() {
    const { lanes } = this;
    const above = [];
    lanes.forEach((lane, index) => {
      above.length = lane.depth;
      lane.above = lane.depth ? above[lane.depth - 1] : null;
      above.push(index);
      lane.hasBelow = lanes[index + 1]?.depth > lane.depth;
      lane.failed = Boolean(lane.error || lane.call?.failed || lane.bars.some((bar) => bar.failed));
    });
    for (const lane of lanes.toReversed()) if (lane.failed && lane.above !== null) lanes[lane.above].failed = true;
    this.find(".lanes").replaceChildren(...lanes.map((lane, index) => this.lane(lane, index)));
    const flat = !this.rows.some((row) => row.fold);
    this.find(".lanes").classList.toggle("flat", flat);
    this.byIndex = [...this.rows];
    this.find('[data-do="fold"]').hidden = flat;
    this.find('[data-do="slowest"]').hidden = lanes.filter((lane) => lane.above !== null).length < 2;
    this.find('[data-do="failed"]').hidden = !lanes.some((lane) => lane.failed) || lanes.length < 3;
    const first = this.rows[0]?.cells[0];
    if (first) { first.tabIndex = 0; this.current = first; }
  }

  lane(lane, index) {
    const cells = [];
    const note = [
      ...(lane.error ? ["failed"] : []), lane.end === null ? "not finished" : seconds(lane.end - lane.begin),
      ...(lane.requests ? [cost(lane), `${number.format(lane.tokens)} tokens`] : []),
    ].join(" · ");
    const task = lane.server ? (lane.bars[0].name === "starting" ? "server, started" : "server, connected to") : start(lane.prompt, 300);
    const name = make("button", { type: "button", class: "name", tabindex: "-1" }, make("b", {}, make("span", { class: "agent" }, lane.agent), lane.call ? make("i", {}, ` #${lane.call.number}`) : null),
      make("span", { class: "task", dir: "auto" }, task), make("span", {}, note));
    this.things.set(name, { lane });
    cells.push(name);
    const fold = lane.hasBelow ? make("button", { type: "button", class: "fold", "aria-expanded": "true", "aria-label": visible(`Agents below ${laneName(lane)}`) }) : null;
    if (fold) fold.addEventListener("click", () => this.fold(index, !this.folded.has(index)));
    const parts = [];
    if (lane.call) parts.push(make("div", { class: "around", ...this.place(lane.call.begin, lane.call.end) }));
    const bars = make("ul", { class: "bars", "aria-label": visible(`What ${laneName(lane)} did`) });
    for (const bar of lane.bars) {
      const button = this.bar(bar);
      this.things.set(button, { lane, bar });
      cells.push(button);
      const item = make("li", {}, button);
      if (bar.critical) item.append(make("span", { class: "path", "--track": bar.track, ...this.place(...bar.critical) }));
      bars.append(item);
    }
    if (lane.bars.length) parts.push(bars);
    const tracks = 1 + lane.bars.reduce((most, bar) => Math.max(most, bar.track), 0);
    const item = make("li", { class: `lane${lane.error ? " error" : ""}${tracks > 8 ? " tall" : ""}${lane.server ? " server" : ""}`, "--depth": lane.depth, "--tracks": tracks },
      make("div", { class: "who" }, fold, name), make("div", { class: "tracks" }, ...parts));
    item.style.containIntrinsicBlockSize = `auto max(4rem, calc(${tracks} * var(--row) + 0.7rem))`;
    this.rows.push({ item, cells, index, fold });
    return item;
  }

  bar(bar) {
    const open = bar.end === null;
    const took = seconds((bar.end ?? this.span) - bar.begin);
    const what = bar.kind === "turn" ? `Turn ${bar.number} of ${bar.name}` : bar.kind === "start" ? `${bar.name} the server`.replace("connecting", "connecting to") : bar.name;
    const extra = [
      bar.failed ? "failed" : "", open ? "not finished" : "", bar.retries?.length ? plural(bar.retries.length, "retry").replace("retrys", "retries") : "",
      bar.critical ? "on the critical path" : "", bar.replayed ? "replayed" : "",
    ].filter(Boolean);
    return make("button", {
      type: "button", tabindex: "-1", class: `bar ${bar.kind}${bar.failed ? " failed" : ""}${open ? " open" : ""}`,
      "aria-label": visible([`${what}, ${took} from ${seconds(bar.begin)}`, ...extra].join(", ")),
      "--track": bar.track, ...this.place(bar.begin, bar.end),
    }, (bar.failed ? "✕ " : "") + (bar.retries?.length ? "↻ " : "") + (bar.replayed ? "⟲ " : "") + (bar.kind === "turn" ? `turn ${bar.number}` : bar.name));
  }

  /* A table whose cells know the names of their columns, which a narrow page shows beside them. */
  table(columns, rows) {
    const heads = columns.map(([name, kind]) => make("th", { scope: "col", class: kind }, name));
    const cells = (row) => row.map((text, at) => (at === 0 ? make("th", { scope: "row" }, text) : make("td", { class: columns[at][1], "data-column": columns[at][0] }, text)));
    return make("table", {}, make("thead", {}, make("tr", {}, ...heads)), make("tbody", {}, ...rows.map((row) => make("tr", {}, ...cells(row)))));
  }

  drawModels() {
    const kinds = ["requests", "input_tokens", "output_tokens", "cache_creation_input_tokens", "cache_read_input_tokens"];
    const columns = [["Model"], ...["Requests", "Input tokens", "Output tokens", "Cache writes", "Cache reads", "Cost"].map((name) => [name, "n"])];
    const rows = Object.entries(this.data.models).map(([model, usage]) => [model, ...kinds.map((kind) => number.format(usage[kind])), dollars(usage.usd)]);
    this.find(".models .scroll").replaceChildren(this.table(columns, rows));
  }

  drawTable() {
    const columns = [["Agent"], ["Model or tool"], ["Begins", "n"], ["Takes", "n"], ["Cost", "n"], ["Critical path"], ["Asked", "t"], ["Result", "t"]];
    const rows = this.data.lanes.flatMap((lane) => [...(lane.call ? [lane.call] : []), ...lane.bars].map((bar) => [
      laneName(lane), bar.name, seconds(bar.begin), bar.end === null ? "not finished" : seconds(bar.end - bar.begin),
      bar.kind === "turn" && bar.requests ? dollars(bar.usd) : "", bar.critical ? "yes" : "",
      (bar.kind === "turn" ? `turn ${bar.number}${bar.stop ? `, ended ${ended(bar)}` : ""}` : this.json(bar.arguments)).slice(0, 500),
      ((bar.failed ? "failed: " : "") + (bar.result ?? "")).slice(0, 500),
    ]));
    this.find(".table .scroll").replaceChildren(this.table(columns, rows));
  }

  json(value) {
    if (typeof value === "string") return value;
    const line = JSON.stringify(value);
    return line.length < 60 ? line : JSON.stringify(value, null, 2);
  }

  /* What is known of a bar or a lane, in the panel. */
  show(element) {
    const thing = this.things.get(element);
    if (!thing) return;
    this.find(".chosen")?.classList.remove("chosen");
    element.classList.add("chosen");
    const panel = this.find(".details");
    panel.replaceChildren(...(thing.bar ? this.barDetails(thing.bar, thing.lane) : this.laneDetails(thing.lane)));
    panel.scrollTop = 0;
  }

  facts(pairs) {
    const rows = pairs.filter(([, value]) => value !== null && value !== "" && value !== undefined);
    return make("dl", {}, ...rows.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]));
  }

  text(title, text) {
    if (text === null || text === undefined || text === "") return [];
    return [make("h4", {}, title), make("pre", { dir: "auto" }, text)];
  }

  when(thing) {
    const end = thing.end === null ? "not finished" : seconds(thing.end);
    return [["Took", thing.end === null ? "not finished" : seconds(thing.end - thing.begin)], ["From", `${seconds(thing.begin)} to ${end}`]];
  }

  barDetails(bar, lane) {
    if (bar.kind === "start") return this.laneDetails(lane);
    const turn = bar.kind === "turn";
    const facts = [["Agent", laneName(lane)], ...this.when(bar)];
    if (turn) facts.push(["Ended", ended(bar)], ["Tool calls", number.format(bar.calls)], ["Tokens", bar.requests ? number.format(bar.tokens) : ""], ["Cost", bar.requests ? dollars(bar.usd) : ""]);
    else facts.push(["Ran", where(bar.where)]);
    return [
      make("p", { class: "kind" }, turn ? `Turn ${bar.number}` : "Tool call"), make("h3", {}, bar.name), this.facts(facts),
      bar.critical ? make("p", { class: "note" }, "On the critical path: the answer waited for this.") : null,
      bar.replayed ? make("p", { class: "note" }, "Replayed: done before a crash, and read from the store.") : null,
      bar.failed ? make("p", { class: "bad" }, "Failed.") : null,
      ...(turn ? [] : this.text("Arguments", this.json(bar.arguments))), ...(turn ? [] : this.text(bar.failed ? "Error" : "Result", bar.result)),
      ...this.text("Progress", bar.progress?.join("\n")), ...this.text("Retries", bar.retries?.join("\n")),
    ].filter(Boolean);
  }

  laneDetails(lane) {
    if (lane.server) {
      return [make("p", { class: "kind" }, `Server, ${lane.bars[0].name}`), make("h3", {}, lane.agent), this.facts(this.when(lane)), lane.error ? make("p", { class: "bad" }, lane.error) : null].filter(Boolean);
    }
    const call = lane.call;
    const around = call && call.end !== null && lane.end !== null ? call.end - call.begin - (lane.end - lane.begin) : null;
    return [
      make("p", { class: "kind" }, "Agent"), make("h3", {}, laneName(lane)),
      this.facts([...this.when(lane), ["Ran", where(lane.where)], ["Tokens", number.format(lane.tokens)], ["Cost", cost(lane)],
        ["Requests", number.format(lane.requests)], ["Tool", call?.name], ["Waiting and transport", around === null ? "" : seconds(Math.max(0, around))]]),
      lane.error ? make("p", { class: "bad" }, lane.error) : null,
      ...this.text(call ? "Task" : "Question", lane.prompt), ...this.text("Answer", lane.answer), ...this.text("Notices", lane.notices.join("\n")),
      ...(call ? this.text("Result of the call", call.result === lane.answer ? "" : call.result) : []),
    ].filter(Boolean);
  }

  listen() {
    const lanes = this.find(".lanes");
    const target = (event) => event.target.closest(".bar, .name");
    lanes.addEventListener("pointerover", (event) => { const at = target(event); if (at && !this.pinned) this.show(at); });
    lanes.addEventListener("focusin", (event) => { const at = target(event); if (at) { this.rove(at); this.unpin(); this.show(at); } });
    lanes.addEventListener("click", (event) => { const at = target(event); if (at) { this.rove(at); this.show(at); this.pin(at, event.detail === 0); } });
    this.root.addEventListener("keydown", (event) => this.key(event));
    this.find(".tools").addEventListener("click", (event) => {
      const what = event.target.closest("button")?.dataset.do;
      if (what === "in") this.zoomTo(this.zoom * 2);
      if (what === "out") this.zoomTo(this.zoom / 2);
      if (what === "fit") this.zoomTo(1);
      if (what === "fold") this.foldAll();
      if (what === "path") this.followPath();
      if (what === "slowest") this.sort(!this.slowestFirst);
      if (what === "failed") { this.failedOnly = !this.failedOnly; this.showFolds(); }
    });
    this.find(".chart").addEventListener("wheel", (event) => {
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      this.zoomTo(this.zoom * (event.deltaY < 0 ? 1.25 : 0.8), event.clientX);
    }, { passive: false });
    new ResizeObserver(() => this.drawAxis()).observe(this.find(".chart"));
  }

  pin(at, toPanel) {
    this.pinned = at;
    if (toPanel) this.find(".details").focus();
  }

  unpin() {
    this.pinned = null;
  }

  rove(at) {
    if (this.current) this.current.tabIndex = -1;
    at.tabIndex = 0;
    this.current = at;
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape" && this.pinned) {
      const back = this.pinned;
      this.unpin();
      back.focus();
      return;
    }
    if (!event.target.closest(".lanes, .tools")) return;
    if (event.key.toLowerCase() === "c") { event.preventDefault(); this.followPath(); return; }
    const zoom = { "+": this.zoom * 2, "=": this.zoom * 2, "-": this.zoom / 2, 0: 1 }[event.key];
    if (zoom) { event.preventDefault(); this.zoomTo(zoom); return; }
    const at = event.target.closest(".bar, .name");
    const next = at && this.neighbour(at, event.key);
    if (!next) return;
    event.preventDefault();
    this.goTo(next);
  }

  goTo(element) {
    element.focus({ preventScroll: true });
    element.scrollIntoView({ block: "nearest", inline: element.matches(".bar") ? "nearest" : "start" });
  }

  /* To the bar on the critical path that comes after the current one, and after the last to the first. */
  followPath() {
    const path = [...this.things].filter(([, { bar }]) => bar?.critical).sort((a, b) => a[1].bar.critical[0] - b[1].bar.critical[0]).map(([element]) => element);
    if (!path.length) return;
    if (this.folded.size || this.failedOnly) { this.folded.clear(); this.failedOnly = false; this.showFolds(); }
    this.goTo(path[(path.indexOf(this.current) + 1) % path.length]);
  }

  neighbour(at, key) {
    const shown = this.rows.filter((row) => !row.item.hidden);
    const place = shown.findIndex((row) => row.item === at.closest(".lane"));
    const { cells } = shown[place];
    const cell = cells.indexOf(at);
    if (key === "ArrowRight") return cells[cell + 1];
    if (key === "ArrowLeft") return cells[cell - 1];
    if (key === "Home") return cells[0];
    if (key === "End") return cells.at(-1);
    const row = key === "ArrowDown" ? shown[place + 1] : key === "ArrowUp" ? shown[place - 1] : null;
    if (!row) return null;
    const bar = this.things.get(at).bar;
    if (!bar) return row.cells[0];
    const far = (other) => Math.abs((this.things.get(other).bar?.begin ?? Infinity) - bar.begin);
    return row.cells.reduce((best, other) => (far(other) < far(best) ? other : best));
  }

  zoomTo(zoom, x) {
    const chart = this.find(".chart");
    const who = this.find(".ticks").offsetLeft;
    const box = chart.getBoundingClientRect();
    const at = x === undefined ? (chart.clientWidth - who) / 2 : x - box.left - who;
    const share = (chart.scrollLeft + at) / ((chart.clientWidth - who) * this.zoom);
    this.zoom = Math.min(512, Math.max(1, zoom));
    chart.style.setProperty("--zoom", this.zoom);
    chart.scrollLeft = share * (chart.clientWidth - who) * this.zoom - at;
    this.find(".zoom").textContent = `${number.format(Math.round(this.zoom * 100))}%`;
    this.drawAxis();
  }

  fold(index, folded) {
    if (folded) this.folded.add(index);
    else this.folded.delete(index);
    this.showFolds();
  }

  foldAll() {
    const some = this.rows.filter((row) => row.fold);
    const folded = this.folded.size === 0;
    this.folded = new Set(folded ? some.map((row) => row.index) : []);
    this.showFolds();
  }

  showFolds() {
    for (const row of this.byIndex) {
      const { above, failed } = this.lanes[row.index];
      row.item.hidden = (this.failedOnly && !failed) || (above !== null && (this.folded.has(above) || this.byIndex[above].item.hidden));
      row.fold?.setAttribute("aria-expanded", String(!this.folded.has(row.index)));
    }
    this.find('[data-do="fold"]').setAttribute("aria-pressed", String(this.folded.size > 0));
    this.find('[data-do="failed"]').setAttribute("aria-pressed", String(this.failedOnly));
    if (this.current?.closest(".lane").hidden) this.rove(this.rows.find((row) => !row.item.hidden).cells[0]);
  }

  /* The agents below each agent in the order of their calls, or the slowest first. */
  sort(slowestFirst) {
    this.slowestFirst = slowestFirst;
    const below = new Map();
    for (const row of this.byIndex) {
      const { above } = this.lanes[row.index];
      if (!below.has(above)) below.set(above, []);
      below.get(above).push(row);
    }
    const took = ({ index }) => {
      const { begin, end } = this.lanes[index].call ?? this.lanes[index];
      return (end ?? this.span) - begin;
    };
    if (slowestFirst) for (const [above, rows] of below) if (above !== null) rows.sort((a, b) => took(b) - took(a));
    const walk = (row) => [row, ...(below.get(row.index) ?? []).flatMap(walk)];
    this.rows = (below.get(null) ?? []).flatMap(walk);
    this.find(".lanes").append(...this.rows.map((row) => row.item));
    this.find('[data-do="slowest"]').setAttribute("aria-pressed", String(slowestFirst));
  }
}

function showTimeline(data) {
  const root = document.getElementById("timeline");
  const fresh = root.cloneNode(true);
  if (!showTimeline.blank) showTimeline.blank = fresh;
  const copy = showTimeline.blank.cloneNode(true);
  root.replaceWith(copy);
  new Page(data, copy).draw();
}

const embedded = JSON.parse(document.getElementById("data").textContent);
if (embedded) showTimeline(embedded);
