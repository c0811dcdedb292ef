/* The chapter's GRU, reading and writing characters. The names are those of the chapter: E, U, W, b for the
   layer (U2, W2, b2 for a second one), V and c for the scores, s for the states of all layers, end to end,
   z and r for the gates, h for the candidate.
   The weights come as bytes with scales: see unrolled.quantize. */
"use strict";

unrolled.widget("writer", (root, data) => {
  const { el, slider, button } = unrolled;
  const { alphabet, H, never, START, END, UNKNOWN } = data;
  const longest = 400, pace = 60; // characters that it writes, milliseconds for each

  // ------------------------------------------------------------------------------ the network

  /* Bytes times scales, once. [[a], [b], ...] is one scale for each row, [[a, b, ...]] one for each column. */
  function matrix([codes, scales]) {
    const bytes = Int8Array.from(atob(codes), (one) => one.charCodeAt(0)); // 200 turns into -56
    const perRow = scales.length > 1;
    const columns = perRow ? bytes.length / scales.length : scales[0].length;
    const values = Float32Array.from(bytes, (q, i) =>
      q * (perRow ? scales[Math.floor(i / columns)][0] : scales[0][i % columns]));
    return { values, columns, row: (i) => values.subarray(i * columns, (i + 1) * columns) };
  }

  const p = {};
  for (const [name, value] of Object.entries(data.weights)) {
    p[name] = "bc".includes(name[0]) ? Float32Array.from(value) : matrix(value);
  }
  p.V = p.V || p.E; // tied
  const layers = [{ U: p.U, W: p.W, b: p.b }];
  for (let n = 2; p[`U${n}`]; n++) layers.push({ U: p[`U${n}`], W: p[`W${n}`], b: p[`b${n}`] });
  const units = layers.length * H;

  /* a += x M, where a has the columns of M from `first` on. */
  function addProduct(a, x, { values, columns }, first = 0) {
    const n = a.length;
    for (let i = 0; i < x.length; i++) {
      const x_i = x[i], start = i * columns + first;
      for (let j = 0; j < n; j++) a[j] += x_i * values[start + j];
    }
  }

  /* What each character brings to the gates, x U + b. There are few characters, so it is computed once. */
  const brought = alphabet.map((_, id) => {
    const a = p.b.slice();
    if (p.E) addProduct(a, p.E.row(id), p.U);
    else p.U.row(id).forEach((u, j) => { a[j] += u; });
    return a;
  });

  const sigmoid = (a) => 1 / (1 + Math.exp(-a));

  /* One step: the states after one more character. The first layer reads it, each other the one below. */
  function step(id, before) {
    const after = new Float32Array(units);
    layers.forEach(({ U, W, b }, layer) => {
      const own = [layer * H, (layer + 1) * H], s = before.subarray(...own);
      const a = layer ? b.slice() : brought[id].slice();
      if (layer) addProduct(a, after.subarray(own[0] - H, own[0]), U);
      const gates = a.subarray(0, 2 * H), candidate = a.subarray(2 * H);
      addProduct(gates, s, W);
      const z = gates.subarray(0, H).map(sigmoid), r = gates.subarray(H).map(sigmoid);
      addProduct(candidate, s.map((s_i, i) => r[i] * s_i), W, 2 * H);
      after.set(s.map((s_i, i) => (1 - z[i]) * Math.tanh(candidate[i]) + z[i] * s_i), own[0]);
    });
    return after;
  }

  /* The logarithm of the probability of each character to come next. */
  function logProbabilities(s) {
    const { values } = p.V, last = units - H;
    const scores = Array.from(p.c, (score, k) => {
      for (let i = 0; i < H; i++) score += values[k * H + i] * s[last + i];
      return score;
    });
    const top = Math.max(...scores);
    const total = top + Math.log(scores.reduce((sum, score) => sum + Math.exp(score - top), 0));
    return scores.map((score) => score - total);
  }

  /* As in unrolled.sampling: p = o^(1/τ), made to sum to 1, and nothing that can not be written. */
  function distribution(logs, τ) {
    const open = logs.map((log, id) => (never.includes(id) ? -Infinity : log));
    const top = Math.max(...open), powers = open.map((log) => Math.exp((log - top) / τ));
    const total = powers.reduce((sum, power) => sum + power, 0);
    return powers.map((power) => power / total);
  }

  function draw(probabilities) {
    let point = Math.random();
    const id = probabilities.findIndex((share) => (point -= share) < 0);
    return id >= 0 ? id : probabilities.indexOf(Math.max(...probabilities)); // rounding
  }

  const numbers = new Map(alphabet.map((one, id) => [one, id])); // special ones are longer than a character
  const encode = (text) => Array.from(text, (one) => (numbers.has(one) ? numbers.get(one) : UNKNOWN));

  /* The state after the start and some characters, and what it expects next. */
  function read(text) {
    const s = [START, ...encode(text)].reduce((before, id) => step(id, before), new Float32Array(units));
    return { s, logs: logProbabilities(s) };
  }

  /* The surprise at each character of a text and at its end, in bits, and what was likeliest there. */
  function surprises(text) {
    let s = step(START, new Float32Array(units));
    return [...encode(text), END].map((id) => {
      const logs = logProbabilities(s), best = logs.indexOf(Math.max(...logs));
      s = step(id, s);
      return { id, bits: -logs[id] / Math.LN2, best, share: Math.exp(logs[best]) };
    });
  }

  const names = { " ": "space", "\n": "new line" };
  const named = (id) => ({ [END]: "the end", [UNKNOWN]: "unknown" })[id] || names[alphabet[id]] || alphabet[id];
  const percent = (share) => `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`;

  function noteOn(text) {
    const found = [...new Set(text)].filter((one) => !numbers.has(one));
    return found.length ? `Not in the alphabet, read as “unknown”: ${found.slice(0, 12).join(" ")}. ` : "";
  }

  // ---------------------------------------------------------------------------------- writing

  let now = read(""), written = [], timer = null, τ = 0.6;
  const status = el("p", { role: "status", class: "note" });
  const tell = (control) => control.input.dispatchEvent(new Event("input"));
  const box = { rows: 2, spellcheck: "false", autocapitalize: "off", style: "width:100%;box-sizing:border-box;font-family:monospace" };
  const prompt = el("textarea", { ...box, oninput: () => { stop(); begin(); } });
  prompt.value = data.prompt;
  const start = el("span", { style: "color:var(--pst-color-text-muted)" }), text = el("span");
  const sheet = (label, style, ...inside) => el("div", { tabindex: 0, role: "region", "aria-label": label,
    style: `white-space:pre-wrap;overflow-wrap:anywhere;font-family:monospace;margin:0.4rem 0;overflow-y:auto;${style}` }, ...inside);
  const page = sheet("What it writes", "height:12em", start, text, el("span", { "aria-hidden": "true" }, "▏"));
  const set = (node, values) => Object.entries(values).forEach(([key, value]) => node.setAttribute(key, value));
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const atOnce = el("input", { type: "checkbox", checked: still });

  const bars = Array.from({ length: Math.min(8, alphabet.length - never.length) }, () => {
    const name = el("span"), share = el("span", { style: "text-align:right" });
    const bar = el("span", { style: "height:0.9em;background:var(--c0);align-self:center" });
    const row = el("li", { style: "display:grid;grid-template-columns:4.6em minmax(0,1fr) 3.6em;gap:0.4em" }, name, bar, share);
    return { name, share, bar, row };
  });

  /* Each unit is a square, as large as the state is far from 0: filled above 0, hollow below. */
  const across = units > 128 ? 32 : units > 16 ? 16 : 8, down = Math.ceil(units / across);
  const cells = Array.from({ length: units }, () => el("rect", {}));
  const frame = el("rect", { width: 1, height: 1, style: "fill:none;stroke:currentColor;stroke-width:0.12" });
  const grid = el("svg", { viewBox: `-0.2 -0.2 ${across + 0.4} ${down + 0.4}`, role: "img", style: "width:100%",
    "aria-label": `The states of the ${units} hidden units` }, ...cells, frame);
  const unit = slider("Unit", { min: 0, max: units - 1, value: 0, show: (i) => `${i}: ${now.s[i].toFixed(2)}` },
    (i) => set(frame, { x: i % across, y: Math.floor(i / across) }));


  function showState() {
    start.textContent = prompt.value;
    text.textContent = written.join("");
    page.scrollTop = page.scrollHeight;
    const shares = distribution(now.logs, τ);
    const order = shares.map((_, id) => id).sort((i, j) => shares[j] - shares[i]);
    bars.forEach(({ name, share, bar }, i) => {
      name.textContent = named(order[i]);
      share.textContent = percent(shares[order[i]]);
      bar.style.width = `${100 * shares[order[i]]}%`;
    });
    cells.forEach((cell, i) => {
      const side = 0.08 + 0.76 * Math.abs(now.s[i]), up = now.s[i] > 0;
      set(cell, {
        x: (i % across) + (1 - side) / 2, y: Math.floor(i / across) + (1 - side) / 2, width: side, height: side,
        style: up ? "fill:var(--c1)" : "fill:none;stroke:var(--c0);stroke-width:0.12",
      });
    });
    tell(unit);
  }

  function begin() {
    now = read(prompt.value);
    written = [];
    status.textContent = noteOn(prompt.value);
    showState();
  }

  /* Draw one character and read it. False when the speech is over. */
  function write() {
    const id = draw(distribution(now.logs, τ));
    if (id === END) return finish("It ended the speech");
    written.push(alphabet[id]);
    const s = step(id, now.s);
    now = { s, logs: logProbabilities(s) };
    return written.length < longest || finish("Long enough");
  }

  function finish(why) {
    stop();
    status.textContent = `${noteOn(prompt.value)}${why} after ${written.length} characters.`;
    return false;
  }

  function stop() {
    clearTimeout(timer);
    timer = null;
    go.textContent = "Write";
  }

  function run() {
    const until = performance.now() + 12; // at once: as many as fit between two pictures
    let more = write();
    while (more && atOnce.checked && performance.now() < until) more = write();
    if (more) timer = setTimeout(run, atOnce.checked ? 0 : pace);
    showState();
  }

  const go = button("Write", () => {
    if (timer !== null) return finish("Stopped");
    begin();
    go.textContent = "Stop";
    status.textContent = `${noteOn(prompt.value)}Writing.`;
    run();
  });
  const one = button("One letter", () => {
    stop();
    if (written.length < longest && write()) status.textContent = `It drew “${named(numbers.get(written[written.length - 1]))}”.`;
    showState();
  });
  const warmth = slider("Temperature", { min: 0.1, max: 1.5, step: 0.1, value: τ, show: (v) => v.toFixed(1) },
    (v) => { τ = v; showState(); });

  const writing = el("div", {},
    el("label", {}, "Prompt", prompt),
    el("div", { class: "controls" }, go, one, el("label", { class: "control" }, atOnce, "at once"), warmth),
    el("div", { class: "panels" }, page, el("div", {},
      "The next character", el("ol", { style: "list-style:none;margin:0 0 0.6rem;padding:0" }, ...bars.map(({ row }) => row)),
      grid, unit, el("p", { class: "note" }, "Hidden units: filled above 0, hollow below, and the larger the nearer to 1 or −1."))));

  // ---------------------------------------------------------------------------------- reading

  let found = surprises(data.example), waiting = null, outlined = null;
  const source = el("textarea", { ...box, rows: 4, maxlength: 3000,
    oninput: () => { clearTimeout(waiting); waiting = setTimeout(readText, 150); } });
  source.value = data.example;

  /* Color and a line below, both by the surprise. What is unknown is dotted. */
  const look = (bits, unknown) => `background:color-mix(in srgb, var(--c1) ${Math.min(60, 7.5 * bits).toFixed()}%, transparent);` +
    `border-bottom:${Math.min(6, bits).toFixed(1)}px ${unknown ? "dotted" : "solid"} currentColor`;
  const marked = sheet("The text, marked by surprise", "line-height:2;max-height:22em");
  const point = ({ target }) => target !== marked && choose([...marked.children].indexOf(target));
  marked.addEventListener("pointerover", point); // a touch is one, too

  const told = (i) => {
    const { id, bits, best, share } = found[i - 1];
    return `${i}: “${named(id)}”, ${bits.toFixed(2)} bits. Likeliest was “${named(best)}”, ${percent(share)}.`;
  };
  const place = slider("Character", { min: 1, max: 1, value: 1, show: told }, (i) => {
    if (outlined) outlined.style.outline = "";
    outlined = marked.children[i - 1];
    outlined.style.outline = "2px solid currentColor";
  });
  place.style.flexWrap = "wrap";

  function choose(i) {
    place.input.value = i + 1;
    tell(place);
  }

  function readText() {
    const characters = [...source.value];
    found = surprises(source.value);
    marked.replaceChildren(...found.map(({ id, bits }, i) => el("span", { style: look(bits, id === UNKNOWN) },
      i === characters.length ? "(end)" : characters[i] === "\n" ? "↵\n" : characters[i])));
    place.input.max = found.length;
    choose(0);
    const mean = found.reduce((sum, { bits }) => sum + bits, 0) / found.length;
    status.textContent = `${noteOn(source.value)}${mean.toFixed(2)} bits per character over ${found.length} characters, ` +
      `the end among them. On the validation speeches: ${data.bits.toFixed(2)}.`;
  }

  const legend = [0, 1, 2, 4, 8].map((bits) =>
    el("span", { style: `${look(bits)};color:var(--pst-color-text-base);padding:0 0.4em;margin-right:0.5em` }, String(bits)));
  const reading = el("div", { hidden: true }, el("label", {}, "Text to read", source), marked, place,
    el("p", { class: "note" }, "Bits: ", ...legend, "8 or more. A dotted line: not in the alphabet."));

  // ------------------------------------------------------------------------------------ both

  function mode(writes) {
    stop();
    clearTimeout(waiting);
    writing.hidden = !writes;
    reading.hidden = writes;
    if (writes) begin();
    else readText();
  }

  const choice = (label, writes) => el("label", { class: "control" },
    el("input", { type: "radio", name: "writer-mode", checked: writes, onchange: () => mode(writes) }), label);
  root.append(el("div", { class: "controls", role: "radiogroup", "aria-label": "What the network does" },
    choice("It writes", true), choice("It reads", false)), writing, reading, status);
  begin();

  root.model = { read, step, logProbabilities, distribution, surprises, encode, longest,
    get written() { return written.join(""); }, get running() { return timer !== null; } };
});
