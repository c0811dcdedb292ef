/* The network of chapter 1 on its two moons, trained in the page: the same arithmetic as in
   unrolled.network, written out for one example at a time. Of Python it gets the points, the
   starts and the settings; everything that you see is computed here. */
"use strict";

unrolled.widget("moons", (root, { X, y, X_new, y_new, starts, eta, lam, passes }) => {
  const { el, slider, button, plot } = unrolled;

  // ------------------------------------------------------------------------- the network

  /* What the hidden units say about one example x, and the probabilities of the classes. */
  function forward({ W1, b1, W2, b2 }, x) {
    const a1 = [], z2 = [...b2];
    for (let h = 0; h < b1.length; h++) {
      a1.push(Math.tanh(x[0] * W1[0][h] + x[1] * W1[1][h] + b1[h]));
      for (let c = 0; c < z2.length; c++) z2[c] += a1[h] * W2[h][c];
    }
    return { a1, z2, p: softmax(z2) };
  }

  const dot = (a, b) => a.reduce((sum, v, i) => sum + v * b[i], 0);

  function softmax(z) {
    const largest = Math.max(...z), e = z.map((v) => Math.exp(v - largest));
    const sum = e.reduce((a, b) => a + b);
    return e.map((v) => v / sum);
  }

  /* The mean cross-entropy over some examples, and the share of them that is classified correctly. */
  function measure(parameters, X, y) {
    let crossEntropy = 0, right = 0;
    X.forEach((x, n) => {
      const { p } = forward(parameters, x);
      crossEntropy -= Math.log(p[y[n]]) / X.length;
      right += p.indexOf(Math.max(...p)) === y[n];
    });
    return { crossEntropy, accuracy: right / X.length };
  }

  /* One pass of gradient descent over all examples: steps 1 to 6 of the chapter. */
  function descend(parameters, X, y) {
    const { W1, b1, W2, b2 } = parameters;
    const zeros = (like) => like.map((v) => (Array.isArray(v) ? zeros(v) : 0));
    const slope = { W1: zeros(W1), b1: zeros(b1), W2: zeros(W2), b2: zeros(b2) };
    X.forEach((x, n) => {
      const { a1, p } = forward(parameters, x);
      const delta2 = p.map((v, c) => (v - (c === y[n])) / X.length);
      for (let h = 0; h < a1.length; h++) {
        let blame = 0;
        for (let c = 0; c < delta2.length; c++) {
          slope.W2[h][c] += a1[h] * delta2[c];
          blame += delta2[c] * W2[h][c];
        }
        const delta1 = blame * (1 - a1[h] * a1[h]);
        slope.b1[h] += delta1;
        slope.W1[0][h] += x[0] * delta1;
        slope.W1[1][h] += x[1] * delta1;
      }
      delta2.forEach((d, c) => { slope.b2[c] += d; });
    });
    const step = (w, g, penalty) => (Array.isArray(w)
      ? w.map((v, i) => step(v, g[i], penalty)) : w - eta * (g + penalty * w));
    return {
      W1: step(W1, slope.W1, lam), b1: step(b1, slope.b1, 0), // no penalty on biases
      W2: step(W2, slope.W2, lam), b2: step(b2, slope.b2, 0),
    };
  }

  // --------------------------------------------------------------------------- the model

  const sizes = starts.map(([, b1]) => b1.length);
  const model = root.model = {
    H: 0, pass: 0, parameters: null, playing: false,
    own: null, held: null, // what measure() says about the points learned from, and the new ones
    history: [], axis: null, // the direction in which hidden() looks along the plane

    reset(H = model.H) {
      const [W1, b1, W2, b2] = starts[sizes.indexOf(H)];
      Object.assign(model, { H, pass: 0, parameters: { W1, b1, W2, b2 }, history: [],
        axis: b1.map((_, h) => 1 / (h + 1)) });
      look();
    },
    train(count) {
      for (; count > 0 && model.pass < passes; count--, model.pass++) {
        model.parameters = descend(model.parameters, X, y);
      }
    },
    loss() { // with the penalty, as in Python
      const { W1, W2 } = model.parameters;
      const squares = [...W1, ...W2].flat().reduce((sum, w) => sum + w * w, 0);
      return measure(model.parameters, X, y).crossEntropy + lam / 2 * squares;
    },
    /* The points in the space of the hidden units, seen along the plane between the classes: how far
       each lies from it, and where along it. Over √H, so that all sizes fit one picture. */
    hidden(X) {
      const { W2, b2 } = model.parameters, root = Math.sqrt(W2.length);
      const w = W2.map((row) => row[1] - row[0]), length = Math.hypot(...w);
      const across = w.map((v) => v / length);
      const answers = X.map((x) => forward(model.parameters, x).a1);
      const mean = across.map((_, h) => answers.reduce((sum, a) => sum + a[h] / X.length, 0));
      const inPlane = answers.map((a) => {
        const v = a.map((value, h) => value - mean[h]), d = dot(v, across);
        return v.map((value, h) => value - d * across[h]);
      });
      // The direction of largest spread in the plane, found from the one before: it turns smoothly.
      for (let i = 0; i < 20; i++) {
        const next = across.map(() => 0);
        for (const v of inPlane) {
          const d = dot(v, model.axis);
          v.forEach((value, h) => { next[h] += d * value; });
        }
        const size = Math.hypot(...next) || 1;
        model.axis = next.map((value) => value / size);
      }
      return answers.map((a, n) => [
        (dot(a, across) + (b2[1] - b2[0]) / length) / root, dot(inPlane[n], model.axis) / root]);
    },
    look,
  };

  // ------------------------------------------------------------------------- the pictures

  const shown = X_new.slice(0, X.length); // as many held-out points as others; all are counted
  const drawn = [...X, ...shown];
  const [x1, x2] = [0, 1].map((d) => {
    const values = drawn.map((x) => x[d]);
    return { min: Math.min(...values) - 0.3, max: Math.max(...values) + 0.3, label: `x${"₁₂"[d]}` };
  });
  const width = 340, inside = width - 62; // what the plot's frame leaves
  const plane = plot("The points and the boundary that the network draws between the classes", x1, x2,
    { width, height: Math.round(inside * (x2.max - x2.min) / (x1.max - x1.min)) + 48 });
  const space = plot("The answers of the hidden units, seen along the plane that separates the classes",
    { min: -1, max: 1, label: "hidden answers: across the plane" },
    { min: -1, max: 1, label: "along it" }, { width, height: 200 });
  const done = { min: 1, max: passes, label: "passes done", log: true };
  const losses = plot("Loss over passes", done,
    { min: 0.01, max: 10, label: "cross-entropy", log: true }, { width, height: 170 });
  const rights = plot("Share of points classified correctly, over passes", done,
    { min: 60, max: 100, label: "right (%)" }, { width, height: 170 });

  /* Circles for class 0 and triangles for class 1, all of one kind as one path. */
  function marks(X, y, c, r, at = plane.at) {
    const one = c ? `m0,${-r}l${r},${1.8 * r}h${-2 * r}z`
                  : `m${-r},0a${r},${r} 0 1,0 ${2 * r},0a${r},${r} 0 1,0 ${-2 * r},0`;
    return X.filter((_, n) => y[n] === c).map((x) => `M${at(...x)}${one}`).join("");
  }
  // Stands out from its own shade.
  const color = (c) => `color-mix(in srgb, var(--c${c}) 75%, currentColor)`;
  const filled = (d, c) => el("path", { d,
    style: `fill: ${color(c)}; stroke: var(--pst-color-background); stroke-width: 0.5` });
  const points = el("g", {});
  for (const c of [0, 1]) {
    points.append(
      el("path", { d: marks(shown, y_new, c, 2.2), style: `fill: none; stroke: ${color(c)}` }),
      filled(marks(X, y, c, 3), c));
  }

  // A grid over the plane: where to ask the network, and where that is in the picture.
  const across = 56, up = Math.round(across * (x2.max - x2.min) / (x1.max - x1.min));
  const grid = Array.from({ length: up + 1 }, (_, j) => Array.from({ length: across + 1 }, (_, i) => {
    const x = [x1.min + i / across * (x1.max - x1.min), x2.min + j / up * (x2.max - x2.min)];
    return { x, at: plane.at(...x) };
  }));

  /* Where sign · f is above a level on the grid: the area and its edge, as paths. In each cell we walk
     around the corners and keep those above, and the places between corners where f crosses. */
  function region(f, sign, level) {
    const text = (places) => places.map((at) => at.map((v) => v.toFixed(1))).join("L");
    let area = "", edge = "";
    for (let j = 0; j < up; j++) {
      const [low, high] = [grid[j], grid[j + 1]];
      for (let i = 0, run = -1; i <= across; i++) { // whole cells in a row become one box from run to i
        const v = i < across
          ? [f[j][i], f[j][i + 1], f[j + 1][i + 1], f[j + 1][i]].map((w) => sign * w - level) : [-1];
        const above = v.filter((w) => w > 0).length;
        if (above === 4) {
          if (run < 0) run = i;
          continue;
        }
        if (run >= 0) area += `M${text([low[run].at, low[i].at, high[i].at, high[run].at])}z`;
        run = -1;
        if (!above) continue;
        const places = [low[i], low[i + 1], high[i + 1], high[i]].map((g) => g.at);
        const kept = [], crossed = [];
        for (let k = 0; k < 4; k++) {
          const a = v[k], b = v[(k + 1) % 4], to = places[(k + 1) % 4];
          if (a > 0) kept.push(places[k]);
          if (a > 0 !== b > 0) crossed.push(places[k].map((p, d) => p + (to[d] - p) * a / (a - b)));
          if (a > 0 !== b > 0) kept.push(crossed.at(-1));
        }
        area += `M${text(kept)}z`;
        for (let k = 0; k < crossed.length; k += 2) edge += `M${text(crossed.slice(k, k + 2))}`;
      }
    }
    return { area, edge };
  }

  function draw() {
    // The score of class 1 minus that of class 0 is the logarithm of p₁/p₀: 0 on the boundary.
    const f = grid.map((row) => row.map(({ x }) => {
      const { z2 } = forward(model.parameters, x);
      return z2[1] - z2[0];
    }));
    plane.clear();
    for (const [c, sign] of [[0, -1], [1, 1]]) {
      for (const least of [0, Math.log(9)]) { // more probable; and 9 to 1, which is 90 %
        plane.add(el("path", { d: region(f, sign, least).area, "shape-rendering": "crispEdges",
          style: `fill: var(--c${c}); fill-opacity: 0.15` }));
      }
    }
    plane.add(el("path", { class: "curve", d: region(f, 1, 0).edge, style: "stroke: currentColor" }), points);
    const places = model.hidden(X);
    space.clear();
    space.add(el("path", { class: "curve", style: "stroke: currentColor",
      d: `M${space.at(0, -1)}L${space.at(0, 1)}` }));
    for (const c of [0, 1]) space.add(filled(marks(places, y, c, 2.5, space.at), c));
    for (const [picture, value] of [[losses, (m) => m.crossEntropy], [rights, (m) => 100 * m.accuracy]]) {
      picture.clear();
      if (model.history.length) {
        picture.curve(model.history.map(({ pass, own }) => [pass, value(own)]), 2);
        picture.curve(model.history.map(({ pass, held }) => [pass, value(held)]), 3, true);
      }
    }
  }

  // ------------------------------------------------------------------------- the controls

  const count = (n) => n.toLocaleString("en");
  const percent = (share) => `${(100 * share).toFixed(1)}\u00a0%`;
  const readout = el("p", { style: "margin: 0 0 0.4rem; font-variant-numeric: tabular-nums" });
  const status = el("p", { role: "status", class: "note" });
  const say = (what) => {
    status.textContent = `${what} Loss ${model.own.crossEntropy.toFixed(3)} on its own points, `
      + `${model.held.crossEntropy.toFixed(3)} on held-out ones, ${percent(model.held.accuracy)} of which are right.`;
  };

  /* Measure, note it down and draw. */
  function look() {
    model.own = measure(model.parameters, X, y);
    model.held = measure(model.parameters, X_new, y_new);
    const { pass, own, held, history } = model;
    if (history.at(-1)?.pass === pass || history.at(-2)?.pass > 0.98 * pass) history.pop(); // too close to see
    if (pass > 0) history.push({ pass, own, held });
    readout.textContent = `pass ${count(pass)} · held-out points right: ${percent(held.accuracy)}`;
    draw();
  }

  // All passes in some ten to twenty seconds, the early ones slowly. In pairs: at this learning rate
  // a network may hop between two places, and a picture of both in turn would flicker.
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  let before = 0, due = 0, looked = 0;
  function frame(now) {
    if (!model.playing) return;
    const first = model.pass, until = performance.now() + 12;
    due += (first + 30) / 1.5 * Math.min(0.1, Math.max(0, now - before) / 1000);
    for (before = now; due >= 2 && performance.now() < until; due -= 2) model.train(2);
    due %= 2;
    const mark = [100, 1000, 10000].some((m) => first < m && model.pass >= m);
    if (model.pass >= passes) return pause();
    if (mark || now - looked > (calm.matches ? 1000 : 40)) {
      look();
      looked = now;
    }
    if (mark) say(`Pass ${count(model.pass)}.`);
    requestAnimationFrame(frame);
  }

  function set(playing) {
    model.playing = playing;
    play.textContent = playing ? "Pause" : "Play";
  }
  function pause() {
    set(false);
    look();
    say(`${model.pass < passes ? "Paused" : "Done"} at pass ${count(model.pass)}.`);
  }
  const play = button("Play", () => {
    if (model.playing) return pause();
    if (model.pass >= passes) model.reset();
    set(true);
    status.textContent = `${model.H} hidden units are learning.`;
    before = performance.now();
    requestAnimationFrame(frame);
  });
  const step = button("Step", () => {
    model.train(1);
    pause();
  });
  const again = button("Reset", () => {
    set(false);
    model.reset();
    say("Back at the start.");
  });
  const size = slider("Hidden units", {
    min: 0, max: sizes.length - 1, value: sizes.indexOf(3), show: (i) => String(sizes[i]),
  }, (i) => {
    model.reset(sizes[i]);
    say(`Hidden units: ${sizes[i]}.`);
  });

  const key = (y, color, dashed, label) => [
    el("line", { class: `curve c${color}`, "stroke-dasharray": dashed ? "5 4" : null,
      x1: 215, x2: 240, y1: y, y2: y }),
    el("text", { x: 246, y: y + 4 }, label)];
  losses.node.append(...key(18, 2, false, "learned from"), ...key(33, 3, true, "held out"));
  root.append(
    el("div", { class: "controls" }, size, play, step, again), readout,
    el("div", { class: "panels" },
      el("div", {}, plane.node, space.node),
      el("div", {}, losses.node, rights.node, el("p", { class: "note" },
        `Circles: class 0. Triangles: class 1. Filled: the ${X.length} points that it learns from. `
        + `Hollow: ${shown.length} of the ${count(X_new.length)} held-out points. `
        + "Deep shade: the network is more than 90 % sure."))),
    status);
  model.reset(3);
});
