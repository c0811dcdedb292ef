/* Live models: what all widgets share. No framework, and nothing runs until a widget comes into view.

   A page holds   <div class="widget" data-widget="moons">what to see without scripts</div>.
   When it comes near the window, two scripts are loaded: moons.js, which calls
       unrolled.widget("moons", (root, data) => { ... })
   and data/moons.js, which the build wrote from the chapter's own execution. Both are classic
   scripts, because modules and fetch do not work on pages opened from disk. */
"use strict";

window.unrolled = (() => {
  const makers = {}, contents = {}, here = document.currentScript.src.replace(/core\.js.*$/, "");

  const load = (path) => new Promise((done, failed) => {
    const script = document.createElement("script");
    script.src = here + path;
    script.onload = done;
    script.onerror = () => failed(new Error(`${path} could not be loaded`));
    document.head.append(script);
  });

  async function start(root) {
    const name = root.dataset.widget;
    try {
      await Promise.all([load(`${name}.js`), load(`data/${name}.js`)]);
    } catch (error) {
      return; // what stands there without scripts stays
    }
    root.replaceChildren();
    makers[name](root, contents[name]);
    root.classList.add("live");
  }

  document.addEventListener("DOMContentLoaded", () => {
    const watch = new IntersectionObserver((seen) => {
      for (const one of seen) {
        if (one.isIntersecting) {
          watch.unobserve(one.target);
          start(one.target);
        }
      }
    }, { rootMargin: "600px" });
    document.querySelectorAll(".widget").forEach((root) => watch.observe(root));
  });

  /* Make an element: el("button", {onclick: f, class: "x"}, "Play"). Text stays text, never markup. */
  function el(tag, properties = {}, ...children) {
    const svg = ["svg", "g", "path", "line", "circle", "rect", "text", "polygon"].includes(tag);
    const node = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag)
                     : document.createElement(tag);
    for (const [key, value] of Object.entries(properties)) {
      if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
      else if (value === true) node.setAttribute(key, "");
      else if (value !== false && value != null) node.setAttribute(key, value);
    }
    node.append(...children);
    return node;
  }

  /* A labeled slider that shows its value. onchange gets the number. */
  function slider(label, { min, max, step = 1, value, show = String }, onchange) {
    const shown = el("span", { class: "value" }, show(value));
    const input = el("input", { type: "range", min, max, step, value, "aria-label": label });
    const told = () => {
      shown.textContent = show(Number(input.value));
      input.setAttribute("aria-valuetext", shown.textContent);
    };
    input.addEventListener("input", () => { told(); onchange(Number(input.value)); });
    told();
    const node = el("label", { class: "control" }, `${label} `, input, shown);
    node.input = input;
    return node;
  }

  function button(label, onclick) {
    return el("button", { type: "button", onclick }, label);
  }

  /* A plot as SVG that follows the page's colors. x and y: {min, max, label, log}.
     plot.curve(points, color 0 to 5, dashed), plot.clear(), plot.at(x, y) in pixels. */
  function plot(label, x, y, { width = 420, height = 240 } = {}) {
    const box = { left: 52, right: 10, top: 10, bottom: 38 };
    const scale = (axis, from, to) => (value) => {
      const f = axis.log ? Math.log10 : (v) => v;
      const share = (f(value) - f(axis.min)) / (f(axis.max) - f(axis.min));
      return from + Math.min(1, Math.max(0, share)) * (to - from);
    };
    const sx = scale(x, box.left, width - box.right);
    const sy = scale(y, height - box.bottom, box.top);
    const frame = el("g", { class: "frame" });
    const curves = el("g", {});
    for (const [axis, s, horizontal] of [[x, sx, true], [y, sy, false]]) {
      for (const value of ticks(axis)) {
        const text = axis.log ? `10${superscript(Math.round(Math.log10(value)))}` : shorten(value);
        frame.append(horizontal
          ? el("line", { x1: s(value), x2: s(value), y1: sy(y.min), y2: sy(y.min) + 4 })
          : el("line", { x1: box.left - 4, x2: box.left, y1: s(value), y2: s(value) }));
        frame.append(horizontal
          ? el("text", { x: s(value), y: height - box.bottom + 16, "text-anchor": "middle" }, text)
          : el("text", { x: box.left - 7, y: s(value) + 4, "text-anchor": "end" }, text));
      }
    }
    frame.append(
      el("path", { d: `M${box.left},${box.top}V${height - box.bottom}H${width - box.right}` }),
      el("text", { x: (box.left + width - box.right) / 2, y: height - 4, "text-anchor": "middle" }, x.label),
      el("text", { transform: `translate(12,${(box.top + height - box.bottom) / 2})rotate(-90)`, "text-anchor": "middle" }, y.label));
    const node = el("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label, class: "plot" }, frame, curves);
    return {
      node, at: (a, b) => [sx(a), sy(b)],
      clear: () => curves.replaceChildren(),
      add: (...shapes) => curves.append(...shapes),
      curve: (points, color, dashed) => curves.append(el("path", {
        class: `curve ${COLORS[color]}`, "stroke-dasharray": dashed ? "5 4" : null,
        d: points.map(([a, b], i) => `${i ? "L" : "M"}${sx(a).toFixed(1)},${sy(b).toFixed(1)}`).join(""),
      })),
    };
  }

  const shorten = (value) => String(Number(value.toPrecision(3)));
  const superscript = (n) => String(n).replace(/./g, (c) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[c] || "⁻");

  function ticks({ min, max, log }) {
    if (log) {
      const low = Math.ceil(Math.log10(min)), high = Math.floor(Math.log10(max));
      const step = Math.max(1, Math.ceil((high - low) / 6));
      return Array.from({ length: Math.floor((high - low) / step) + 1 }, (_, i) => 10 ** (low + i * step));
    }
    const rough = (max - min) / 5, power = 10 ** Math.floor(Math.log10(rough));
    const step = power * [1, 2, 5, 10].find((m) => m * power >= rough);
    const found = [];
    for (let v = Math.ceil(min / step - 1e-9) * step; v <= max + 1e-9 * step; v += step) found.push(v);
    return found;
  }

  // The curves' classes, in full: the site's style sheet keeps only the names that scripts spell out.
  const COLORS = ["c0", "c1", "c2", "c3", "c4", "c5"];

  return {
    widget: (name, make) => { makers[name] = make; },
    data: (name, content) => { contents[name] = content; },
    el, slider, button, plot,
  };
})();
