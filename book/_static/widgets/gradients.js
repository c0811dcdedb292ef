/* Live model: one error on its way back through time, while the reader scales W.

   The chapter hands over what the network reads, a_t = x_t U + b for each word, its V and c, the
   number y of the word that came last, and matrices W of spectral radius 1 with their largest
   singular values. All else is computed here: the states, the error, and its way back.
   Vectors are rows, as in the book. */
"use strict";

unrolled.widget("gradients", (root, { a, V, c, y, W: drawn, sigma_1: stretch }) => {
  const { el, slider, plot } = unrolled;
  const kinds = Object.keys(drawn), T = a.length;
  const furthest = Math.min(30, T - 1), distances = Array.from({ length: furthest + 1 }, (_, d) => d);
  const axis = { min: 1e-6, max: 1e6 }; // the same for all radii, so that slopes can be compared
  const level = [0.95, 1.05]; // factors per step that we call "about level"
  const now = { kind: kinds[0], radius: 0.9, distance: Math.min(20, furthest) };

  /* ---- the network, and the way back */

  const transpose = (M) => M[0].map((_, j) => M.map((row) => row[j]));
  const times = (v, M) => M[0].map((_, j) => v.reduce((sum, v_i, i) => sum + v_i * M[i][j], 0)); // v M
  const length = (v) => Math.hypot(...v);

  function forward(W) { // s_t = tanh(a_t + s_{t-1} W)
    let s = a[0].map(() => 0);
    return a.map((a_t) => {
      const sW = times(s, W);
      return (s = a_t.map((a_ti, i) => Math.tanh(a_ti + sW[i])));
    });
  }

  function softmax(scores) {
    const highest = Math.max(...scores); // so that no power overflows
    const powers = scores.map((score) => Math.exp(score - highest));
    const sum = powers.reduce((p, q) => p + q);
    return powers.map((power) => power / sum);
  }

  function follow(kind, radius) {
    const W = drawn[kind].map((row) => row.map((w) => radius * w)), W_T = transpose(W);
    const s = forward(W);
    const slopes = s.map((s_t) => s_t.map((s_ti) => 1 - s_ti ** 2)); // of tanh

    const scores = times(s[T - 1], transpose(V)).map((score, j) => score + c[j]);
    let error = times(softmax(scores).map((o, j) => o - (j === y ? 1 : 0)), V); // (o - e_y) V
    const lengths = [length(error)];
    for (let d = 1; d <= furthest; d++) { // past the slopes, then through W: one step back
      error = times(error.map((e, i) => e * slopes[T - d][i]), W_T);
      lengths.push(length(error));
    }
    const norms = lengths.map((l) => l / lengths[0]);
    const sigma = radius * stretch[kind], gamma = Math.max(...slopes.flat());
    return {
      norms, sigma, gamma, rate: ratePerStep(norms),
      bound: distances.map((d) => (sigma * gamma) ** d),
      powers: distances.map((d) => radius ** d),
    };
  }

  function ratePerStep(norms) { // a straight line through the logarithms, by least squares
    const found = distances.filter((d) => norms[d] > 0); // 0 has no logarithm
    if (found.length < 2) return 0;
    const mean = (values) => values.reduce((p, q) => p + q) / values.length;
    const logs = found.map((d) => Math.log(norms[d])), d0 = mean(found), log0 = mean(logs);
    const slope = mean(found.map((d, i) => (d - d0) * (logs[i] - log0))) / mean(found.map((d) => (d - d0) ** 2));
    return Math.exp(slope);
  }

  /* ---- words */

  function inWords(value) { // two digits: 0.0031, 120, 4.7 × 10⁻⁹
    if (value === 0 || (value >= 0.001 && value < 1000)) return String(Number(value.toPrecision(2)));
    const [digits, power] = value.toExponential(1).split("e");
    return `${digits} × 10${String(Number(power)).replace(/./g, (n) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[n] || "⁻")}`;
  }

  function sentence({ norms, bound, rate }, d) {
    const left = inWords(norms[d]), most = inWords(bound[d]);
    const what = norms[d] < 1 ? `${left} of the error is left, at most ${most} by the bound`
                              : `the error is ${left} times as long, at most ${most} times by the bound`;
    const fate = rate < level[0] ? "vanishes" : rate > level[1] ? "explodes" : "stays about level";
    return `After ${d} step${d > 1 ? "s" : ""} ${what}: it ${fate}, by a factor of ${rate.toFixed(2)} per step.`;
  }

  /* ---- the picture */

  const lines = [ // told apart by their dashes, too
    { key: "norms", name: "the error", color: 0, dashes: null, width: 2.5 },
    { key: "bound", name: "the bound (σ₁γ)ᵈ", color: 1, dashes: "8 4", width: 3.5 },
    { key: "powers", name: "ρᵈ", color: 2, dashes: "2 3", width: 2 },
  ];
  const stroke = ({ color, dashes, width }, d) =>
    el("path", { class: `curve c${color}`, "stroke-dasharray": dashes, style: `stroke-width: ${width}`, d });

  /* The points of a curve. Where it leaves the plot, it ends at the exact place. */
  function inside(values) {
    const edge = Math.log10(axis.max), logs = values.map((v) => Math.max(-400, Math.log10(v)));
    const points = [];
    for (const d of distances) {
      const before = logs[d - 1], at = logs[d];
      const crossing = (border) => [d - 1 + (border - before) / (at - before), 10 ** border];
      if (d && Math.abs(before) <= edge && Math.abs(at) > edge) points.push(crossing(Math.sign(at) * edge));
      if (d && Math.abs(before) > edge && Math.abs(at) <= edge) points.push(null, crossing(Math.sign(before) * edge));
      if (Math.abs(at) <= edge) points.push([d, values[d]]);
    }
    return points;
  }

  function path(chart, values) {
    let move = true;
    return inside(values).map((point) => {
      if (!point) { move = true; return ""; }
      const [px, py] = chart.at(...point), step = move ? "M" : "L";
      move = false;
      return `${step}${px.toFixed(1)},${py.toFixed(1)}`;
    }).join("");
  }

  /* A dot on the curve; a triangle at the edge where the curve is beyond it. */
  function mark(chart, { color }, value, filled) {
    const [px, py] = chart.at(now.distance, value);
    const look = { class: `c${color}`, style: `stroke-width: 2; fill: var(${filled ? `--c${color}` : "--pst-color-background"})` };
    if (value >= axis.min && value <= axis.max) return el("circle", { cx: px, cy: py, r: 4.5, ...look });
    const up = value > axis.max ? 1 : -1;
    return el("polygon", { points: `${px - 6},${py + 10 * up} ${px + 6},${py + 10 * up} ${px},${py}`, ...look });
  }

  function draw(found) {
    const width = Math.round(Math.min(640, Math.max(280, place.clientWidth || 420)));
    const chart = plot("Length of the error by distance, its bound, and the power of the spectral radius",
      { min: 0, max: furthest, label: "distance d (steps back)" },
      { ...axis, log: true, label: "relative to the start" }, { width, height: Math.round(Math.min(300, 180 + width / 6)) });
    const [left, even] = chart.at(0, 1), [right] = chart.at(furthest, 1), [here, bottom] = chart.at(now.distance, axis.min);
    chart.add(el("g", { class: "frame" },
      el("line", { x1: left, x2: right, y1: even, y2: even }), // 1: as long as at the start
      el("line", { x1: here, x2: here, y1: bottom, y2: chart.at(0, axis.max)[1] })));
    const order = [lines[1], lines[2], lines[0]]; // the bound behind, for others may hide it
    chart.add(...order.map((line) => stroke(line, path(chart, found[line.key]))));
    chart.add(...order.map((line) => mark(chart, line, found[line.key][now.distance], line.color === 0)));
    place.replaceChildren(chart.node);
  }

  /* ---- what stands on the page */

  let found, waiting;
  function update(change) {
    Object.assign(now, change);
    if (!found || !("distance" in change)) found = follow(now.kind, now.radius);
    Object.assign(root.model, now, found);
    draw(found);
    for (const { key, shown } of lines) shown.textContent = inWords(found[key][now.distance]);
    numbers.textContent = `σ₁(W) = ${found.sigma.toFixed(2)}, γ = ${found.gamma.toFixed(3)}. The factor per step is that of the straight line fitted to all ${furthest} steps; from ${level[0]} to ${level[1]} is about level.`;
    clearTimeout(waiting); // speak when the slider rests
    waiting = setTimeout(() => { status.textContent = sentence(found, now.distance); }, 250);
  }

  const choice = el("span", { class: "control", style: "flex-wrap: wrap", role: "radiogroup", "aria-label": "W" }, "W:",
    ...kinds.map((kind) => el("label", { class: "control", style: "gap: 0.25rem" },
      el("input", { type: "radio", name: "gradients-kind", checked: kind === now.kind, onchange: () => update({ kind }) }), kind)));
  const place = el("div");
  const legend = el("div", { class: "controls", style: "margin: 0.4rem 0 0; row-gap: 0" }, ...lines.map((line) => {
    line.shown = el("span", { style: "min-width: 5.4em; font-variant-numeric: tabular-nums" });
    const sample = el("svg", { width: 32, height: 10, "aria-hidden": "true" }, stroke(line, "M1,5H31"));
    return el("span", { class: "control" }, sample, `${line.name}:`, line.shown);
  }));
  const status = el("p", { role: "status", style: "margin: 0.5rem 0 0; min-height: 3em" });
  const numbers = el("p", { class: "note" });
  root.append(
    el("div", { class: "controls" }, choice,
      slider("radius ρ(W)", { min: 0.2, max: 2.5, step: 0.05, value: now.radius, show: (v) => v.toFixed(2) }, (radius) => update({ radius })),
      slider("distance d", { min: 1, max: furthest, value: now.distance }, (distance) => update({ distance }))),
    place, legend, status, numbers);
  root.model = { follow, sentence, inWords };
  update({});
  status.textContent = sentence(found, now.distance);
  window.addEventListener("resize", () => draw(found)); // the text in the plot keeps its size
});
