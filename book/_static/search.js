/* Search as one types: in the dialog that every page has, and on the search page. What there is to
   find (book/_ext/search_index.py) is loaded when one begins. */
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const root = new URL(document.documentElement.dataset.content_root, location.href);
  // How much a word counts, by where it stands.
  const WEIGHTS = { title: 8, first: 3, chapter: 2, text: 1 };
  const MOST = 12;
  let loading;

  const script = (path) => new Promise((done) => {
    const node = document.createElement("script");
    node.src = new URL(`_static/${path}`, root);
    node.onload = node.onerror = done;
    document.head.append(node);
  });

  // Sphinx has the words that say nothing, and the stems of the others.
  async function load() {
    await Promise.all(["vendor/minisearch.js", "search-data.js", "language_data.js"].map(script));
    const stemmer = new Stemmer();
    const index = new MiniSearch({
      fields: Object.keys(WEIGHTS),
      storeFields: ["page", "anchor", "title", "chapter", "first"],
      tokenize: (text) => text.split(/[^\p{L}\p{N}]+/u),
      processTerm: (word) => {
        const term = word.toLowerCase();
        return stopwords.has(term) ? null : stemmer.stemWord(term);
      },
      searchOptions: {
        boost: WEIGHTS,
        // The last word may be unfinished, and a long one misspelled.
        prefix: (term, place, terms) => place === terms.length - 1 && term.length > 1,
        fuzzy: (term) => term.length > 4 ? 0.2 : false,
        // The text comes before the functions that it speaks of, and before its exercises.
        boostDocument: (id, term, { page, anchor }) =>
          page === "appendix/api" || anchor.startsWith("exercise-") ? 0.5 : 1,
      },
    });
    index.addAll(unrolledPlaces.map(({ id, ...place }, number) => ({ id: number, anchor: id, ...place })));
    return index;
  }

  // What has all words comes first; else what has some.
  async function search(query) {
    const index = await (loading ??= load());
    const all = index.search(query, { combineWith: "AND" });
    return (all.length ? all : index.search(query)).slice(0, MOST);
  }

  function line({ page, anchor, title, chapter, first }) {
    const item = document.createElement("li"), link = document.createElement("a");
    link.href = new URL(`${page}.html${anchor && `#${anchor}`}`, root);
    for (const [name, text] of Object.entries({ title, chapter, first })) {
      if (!text) continue;
      const part = document.createElement("span");
      part.className = `hit-${name}`;
      part.textContent = text;
      link.append(part, " ");
    }
    item.append(link);
    return item;
  }

  // Show, below a search field, what its words find.
  function answer(form) {
    const input = form.querySelector("input");
    const list = document.createElement("ol"), said = document.createElement("p");
    list.className = "search-hits";
    list.setAttribute("aria-label", "Results");
    said.setAttribute("role", "status");
    form.after(said, list);

    async function show() {
      const query = input.value.trim();
      const hits = query ? await search(query) : [];
      if (query !== input.value.trim()) return;
      said.textContent = query && !hits.length ? "Nothing was found." : "";
      list.replaceChildren(...hits.map(line));
    }
    input.addEventListener("focus", () => loading ??= load(), { once: true });
    input.addEventListener("input", show);
    // Enter leads to the first, down and up lead through all.
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      await show();
      list.querySelector("a")?.click();
    });
    form.parentElement.addEventListener("keydown", (event) => {
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (!step) return;
      event.preventDefault();
      const stops = [input, ...list.querySelectorAll("a")];
      stops.at((stops.indexOf(document.activeElement) + step) % stops.length).focus();
    });
    return { input, list, show };
  }

  const dialog = document.getElementById("pst-search-dialog");
  // A result on the page at hand closes the dialog.
  const { list } = answer(dialog.querySelector("form"));
  list.addEventListener("click", (event) => event.target.closest("a") && dialog.close());
  const onPage = document.querySelector(".bd-search-container form");
  if (onPage) {
    const { input, show } = answer(onPage);
    input.value = new URLSearchParams(location.search).get("q") ?? "";
    input.focus();
    show();
  }
});
