/* A small recurrent network reads a word letter by letter and guesses the next letter.

   From the chapter: alphabet, a list of tokens ("<s>" starts a word, "</s>" ends it), and the
   parameters U (C, H), W (H, H), b (H), V (C, H), c (C) of

       s_t = tanh(x_t U + s_{t-1} W + b)      o_t = softmax(V s_t + c)
*/
"use strict";

unrolled.widget("spelling", (root, { alphabet, U, W, b, V, c }) => {
  const { el, slider, button } = unrolled;
  const H = b.length, LONGEST = 16;
  const START = alphabet.indexOf("<s>"), END = alphabet.indexOf("</s>");
  const name = (k) => (k === START ? "start" : k === END ? "end" : alphabet[k]);

  // ------------------------------------------------------------------------- the network

  const dot = (v, w) => v.reduce((sum, value, i) => sum + value * w[i], 0);

  function softmax(z) {
    const top = Math.max(...z), e = z.map((score) => Math.exp(score - top));
    const sum = e.reduce((a, value) => a + value);
    return e.map((value) => value / sum);
  }

  /* Everything about a word: x is start and its letters, y its letters and end. */
  function read(word) {
    const letters = [...word].map((letter) => alphabet.indexOf(letter));
    const x = [START, ...letters], y = [...letters, END], s = [];
    let state = b.map(() => 0); // s_0: nothing read yet
    for (const k of x) {
      // A one-hot x_t times U is a row of U. Column j of W leads to unit j.
      state = state.map((_, j) => Math.tanh(U[k][j] + dot(state, W.map((row) => row[j])) + b[j]));
      s.push(state);
    }
    const o = s.map((one) => softmax(V.map((row, k) => dot(row, one) + c[k])));
    return { word, x, y, s, o, surprises: o.map((p, t) => -Math.log(p[y[t]])) };
  }

  /* How far apart two states are: the mean over the units, from 0 to 2. */
  const apart = (s, other) => s.reduce((sum, value, j) => sum + Math.abs(value - other[j]), 0) / H;
  const likeliest = (p) => p.map((_, k) => k).sort((i, j) => p[j] - p[i]);

  // --------------------------------------------------------------------- what the reader moves

  let now = read("thought"), other = null, t = 3; // t counts from 0; readers see t + 1

  const field = (label, value, onchange) => {
    const input = el("input", {
      type: "text", value, size: 14, maxlength: 40,
      autocomplete: "off", autocapitalize: "none", spellcheck: "false",
    });
    input.addEventListener("input", (event) => {
      if (event.isComposing) return;
      const typed = input.value.toLowerCase();
      const kept = [...typed].filter((one) => alphabet.includes(one)).join("").slice(0, LONGEST);
      if (kept !== input.value) {
        const place = input.selectionStart - (input.value.length - kept.length);
        input.value = kept;
        input.setSelectionRange(Math.max(0, place), Math.max(0, place));
      }
      onchange(kept, kept === typed ? "" : "Only letters from a to z are read, at most 16. ");
    });
    return [el("label", { class: "control" }, `${label} `, input), input];
  };

  const [wordLabel, wordInput] = field("Word", now.word, (word, note) => {
    const atEnd = t === now.word.length; // who types at the end wants to follow
    now = read(word);
    position.input.max = now.x.length;
    go(atEnd ? word.length : t, note);
  });
  const [otherLabel, otherInput] = field("Compare with", "", (word, note) => {
    other = word ? read(word) : null;
    draw(note);
  });
  const position = slider(
    "Step", { min: 1, max: now.x.length, value: t + 1, show: (step) => `${step} of ${now.x.length}` },
    (step) => { t = step - 1; draw(); });

  function go(step, note = "") {
    t = Math.min(Math.max(step, 0), now.word.length);
    position.input.value = t + 1;
    position.input.dispatchEvent(new Event("input")); // the slider says it, and draws
    if (note) draw(note);
  }

  // ---------------------------------------------------------------------------- the picture

  const STEP = 40, LEFT = 46, CELL = { width: 30, height: 13 };
  const TOP = 52, BOTTOM = TOP + H * CELL.height, X = BOTTOM + 42, CHANGE = X + 22;
  const INK = "fill: var(--pst-color-text-base)";
  const center = (i) => LEFT + STEP * i + STEP / 2;
  const say = (x, y, text, style, anchor = "middle") => el("text", { x, y, style, "text-anchor": anchor }, text);
  const number = (value) => value.toFixed(2).replace("-", "−");
  const percent = (p) => (p < 0.01 ? "under 1%" : `${Math.round(100 * p)}%`);
  const up = (x, from, to) => el("path", { d: `M${x},${from}V${to}m-3,4l3,-4l3,4` });
  const right = (from, to, y) => el("path", { d: `M${from},${y}H${to}m-4,-3l4,3l-4,3` });

  /* One unit of the state: its bar starts in the middle and goes right (+) or left (−). */
  function cell(value, x, y) {
    const half = CELL.width / 2, wide = Math.abs(value) * half;
    return [
      el("rect", { x: x - half, y, ...CELL, style: "fill: none; stroke: var(--pst-color-border)" }),
      el("rect", {
        x: value < 0 ? x - wide : x, y: y + 1, width: wide, height: CELL.height - 2,
        style: `fill: var(${value < 0 ? "--c0" : "--c1"}); fill-opacity: 0.7`,
      }),
    ];
  }

  /* Step i as in the book's figure: x below, the state above it, on top what o says. */
  function column(i) {
    const x = center(i), [guess] = likeliest(now.o[i]), chosen = i === t;
    const group = el("g", { onclick: () => go(i), style: "cursor: pointer" },
      el("rect", {
        x: x - STEP / 2 + 1, y: 1, width: STEP - 2, height: X + 9, rx: 4,
        style: `fill: transparent; stroke-width: 2; stroke: ${chosen ? "var(--unrolled-blue, blue)" : "none"}`,
      }),
      say(x, 18, name(guess) + (guess === now.y[i] ? " ✓" : ""), INK),
      say(x, X, name(now.x[i]), `${INK}; font-weight: bold`),
      el("g", { class: "frame" }, up(x, TOP - 3, 26), up(x, X - 14, BOTTOM + 4),
        right(x - STEP + CELL.width / 2, x - CELL.width / 2, (TOP + BOTTOM) / 2)));
    now.s[i].forEach((value, j) => {
      const y = TOP + j * CELL.height;
      group.append(...cell(value, x, y));
      if (chosen) group.append(say(x, y + 10, number(value), `${INK}; font-size: 9.5px`));
    });
    if (other && i < other.s.length) group.append(say(x, CHANGE, number(apart(now.s[i], other.s[i])), INK));
    return group;
  }

  function network() {
    const middle = (TOP + BOTTOM) / 2, width = LEFT + STEP * now.x.length + 2;
    const height = other ? CHANGE + 8 : X + 12;
    const label = `The network at ${now.x.length} steps. The state after step ${t + 1}: ${now.s[t].map(number).join(", ")}.`;
    const names = [["oₜ", 18], ["V", 42], ["sₜ", TOP + 12], ["U", BOTTOM + 20], ["xₜ", X]];
    if (other) names.push(["change", CHANGE]);
    return el("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": label, style: "display: block" },
      ...names.map(([text, y]) => say(2, y, text, "font-style: italic", "start")),
      say(LEFT - 14, middle + 4, "s₀ = 0", "", "end"), say(LEFT - 5, middle - 7, "W", "font-style: italic"),
      ...now.x.map((_, i) => column(i)));
  }

  /* The six likeliest next letters, the end, and the one that really comes. */
  function bars() {
    const o = now.o[t], order = likeliest(o);
    const shown = order.filter((k, place) => place < 6 || k === END || k === now.y[t]);
    const svg = el("svg", { viewBox: "0 0 250 178", class: "plot", role: "img", "aria-label":
      `Next letter: ${shown.map((k) => `${name(k)} ${percent(o[k])}`).join(", ")}` });
    shown.forEach((k, place) => {
      const y = 22 * place, wide = 110 * o[k], real = k === now.y[t];
      svg.append(
        say(30, y + 15, name(k), real ? `${INK}; font-weight: bold` : INK, "end"),
        el("rect", { x: 36, y: y + 3, width: wide, height: 16, style: `fill: var(${real ? "--c1" : "--c2"})` }),
        say(41 + wide, y + 15, percent(o[k]) + (real ? " ← comes next" : ""), INK, "start"));
    });
    return svg;
  }

  // -------------------------------------------------------------------------------- together

  const scroller = el("div", { style: "overflow-x: auto; flex: 4 1 20rem", "aria-label": "The unrolled network" });
  const chances = el("div", { style: "flex: 1 1 13rem" });
  const status = el("p", { role: "status", style: "margin: 0.6rem 0 0" });

  function words(note) {
    const { x, y, o, surprises } = now, [guess] = likeliest(o[t]);
    const total = surprises.reduce((sum, one) => sum + one);
    let text = `${note}Step ${t + 1} of ${x.length}, which reads ${name(x[t])}. Likeliest next: ` +
      `${name(guess)} (${percent(o[t][guess])}). Really next: ${name(y[t])} (${percent(o[t][y[t]])}), ` +
      `a surprise of ${number(surprises[t])} nats. The whole word: ${total.toFixed(1)} nats.`;
    if (other && t < other.s.length) {
      text += ` From the state of “${other.word}” at this step, the units differ by ${number(apart(now.s[t], other.s[t]))} on average.`;
    }
    return text;
  }

  function draw(note = "") {
    scroller.replaceChildren(network());
    chances.replaceChildren(
      el("p", { class: "note", style: "margin: 0 0 0.3rem" }, `oₜ at step ${t + 1}: which letter is next?`), bars());
    status.textContent = words(note);
    // A long word scrolls inside its own box; keep the chosen step in sight.
    const place = center(t) - scroller.clientWidth / 2;
    scroller.scrollLeft = Math.max(0, place);
  }

  root.append(
    el("div", { class: "controls" }, wordLabel, otherLabel),
    el("div", { class: "controls" }, button("Back", () => go(t - 1)), button("Next", () => go(t + 1)), position),
    el("div", { class: "panels" }, scroller, chances), status,
    el("p", { class: "note" }, "Each column is a state. A unit's bar goes right and is orange where it is positive, left and " +
      "blue where it is negative. On top stands the likeliest next letter, with ✓ where it is the right one."));
  new ResizeObserver(() => { // what scrolls can be reached by keyboard, and only that
    const scrolls = scroller.scrollWidth > scroller.clientWidth + 1;
    for (const [key, value] of [["tabindex", 0], ["role", "group"]]) {
      if (scrolls) scroller.setAttribute(key, value); else scroller.removeAttribute(key);
    }
  }).observe(scroller);
  draw();

  root.model = {
    read, apart, go,
    type: (word) => { wordInput.value = word; wordInput.dispatchEvent(new Event("input")); },
    compare: (word) => { otherInput.value = word; otherInput.dispatchEvent(new Event("input")); },
    get now() { return now; }, get step() { return t + 1; },
  };
});
