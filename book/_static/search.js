/* Search as one types, from every page: Sphinx's index and ranking, loaded when the dialog opens. */
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const dialog = document.getElementById("pst-search-dialog");
  const input = dialog.querySelector("input");
  const root = new URL(document.documentElement.dataset.content_root, location.href);
  const SCRIPTS = ["_static/language_data.js", "_static/searchtools.js", "searchindex.js"];
  const MOST = 12;
  let loaded;

  const list = document.createElement("ol");
  list.id = "search-hits";
  list.setAttribute("aria-label", "Results");
  const said = document.createElement("p");
  said.setAttribute("role", "status");
  dialog.append(said, list);

  // One after another: the index is handed to the search.
  const load = () => loaded ??= SCRIPTS.reduce((before, path) => before.then(() => new Promise((done) => {
    const script = document.createElement("script");
    script.src = new URL(path, root);
    script.onload = script.onerror = done;
    document.head.append(script);
  })), Promise.resolve());

  async function find() {
    const query = input.value.trim();
    await load();
    if (query !== input.value.trim()) return;
    const found = query ? Search._performSearch(...Search._parseQuery(query)) : [];
    said.textContent = query && !found.length ? "Nothing was found." : "";
    // The best is the last.
    list.replaceChildren(...found.reverse().slice(0, MOST).map(([page, title, anchor, about]) => {
      const item = document.createElement("li"), link = document.createElement("a");
      link.href = new URL(`${page}.html${anchor ?? ""}`, root);
      link.textContent = title;
      item.append(link, about ? ` (${about})` : "");
      return item;
    }));
  }

  input.addEventListener("focus", load, { once: true });
  input.addEventListener("input", find);
  // Down and up lead through the results; a result of the page at hand closes the dialog.
  dialog.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const stops = [input, ...list.querySelectorAll("a")];
    stops.at((stops.indexOf(document.activeElement) + step) % stops.length).focus();
  });
  list.addEventListener("click", (event) => event.target.closest("a") && dialog.close());
});
