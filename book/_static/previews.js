/* A card beside a link shows what it leads to. What is on this page is copied, the rest comes from
   scripts that book/_ext/previews.py wrote: pages opened from disk cannot fetch others. */
"use strict";

(() => {
  const article = document.querySelector("article.bd-article");
  const root = new URL(document.documentElement.dataset.content_root, location.href);
  // What holds at the original only: names, roles, waiting.
  const ATTRIBUTES = ["id", "role", "tabindex", "loading", "decoding"];
  const pages = {};
  let card, link, title, dismissed, timer;

  const load = (page) => pages[page] ??= new Promise((done) => {
    const script = document.createElement("script");
    script.src = new URL(`_static/previews/${page}.js`, root);
    script.onload = script.onerror = () => done(window.unrolledPreviews?.[page]);
    document.head.append(script);
  });

  // What a preview shows of the element that a link leads to.
  function cut(node) {
    const first = (what) => node.querySelector(`:scope > ${what}`);
    const text = () => first("p:not([class])")?.outerHTML ?? "";
    if (node?.matches("section > :is(p, span)")) node = node.parentElement;
    if (node?.matches("figure, .math-block, .citation")) return node.outerHTML;
    const title = () => `<p class="preview-title">${first(":not(span)").innerHTML}</p>`;
    if (node?.matches("section")) return title() + text();
    if (!node?.matches("dt")) return "";
    const name = node;
    while (!node.matches("dd")) node = node.nextElementSibling;
    return `<dl>${name.outerHTML}<dd>${name.matches(".sig") ? text() : node.innerHTML}</dd></dl>`;
  }

  async function find({ href, hash, pathname }) {
    const id = decodeURIComponent(hash.slice(1)), here = pathname === location.pathname;
    const page = pathname.slice(root.pathname.length).replace(".html", "");
    const made = document.createElement("template");
    if (!here) made.innerHTML = (await load(page))?.[id] ?? "";
    made.innerHTML = cut(here ? document.getElementById(id) : made.content.firstElementChild) ?? "";
    const each = (tags, change) => made.content.querySelectorAll(tags).forEach(change);
    each(".headerlink", (node) => node.remove());
    each("a", (node) => node.replaceWith(...node.childNodes));
    each("*", (node) => ATTRIBUTES.forEach((name) => node.removeAttribute(name)));
    each("img", (node) => node.src = new URL(node.getAttribute("src"), href));
    return made.content;
  }

  // Below the link, or above it where more room is; inside the window.
  function place() {
    if (!card.isConnected) return;
    const { clientWidth, clientHeight } = document.documentElement;
    const line = link.getBoundingClientRect();
    const above = line.top - 16, below = clientHeight - line.bottom - 16;
    const block = card.querySelector(".math-block");
    card.style = "";
    if (block) {
      block.style = "";
      block.style.fontSize = `${block.clientWidth / block.scrollWidth}em`;
    }
    const under = card.offsetHeight <= below || below >= above;
    card.style.maxHeight = `${under ? below : above}px`;
    const box = card.getBoundingClientRect();
    const left = Math.max(8, Math.min(line.left, clientWidth - box.width - 8));
    const top = under ? line.bottom + 8 : line.top - 8 - box.height;
    card.style.translate = `${left - box.left}px ${top - box.top}px`;
    card.tabIndex = card.scrollHeight > card.clientHeight ? 0 : -1;
  }

  async function show(next) {
    hide();
    link = next;
    const content = await find(next);
    if (link !== next || !content.hasChildNodes()) return;
    if (!card) prepare();
    card.replaceChildren(content);
    article.append(card);
    place();
    link.setAttribute("aria-describedby", card.id);
    [title, link.title] = [link.title, ""]; // else the browser shows it over the card
  }

  function hide() {
    if (card?.isConnected) {
      card.remove();
      link.removeAttribute("aria-describedby");
      link.title = title;
    }
    link = null;
  }

  function prepare() {
    card = document.createElement("div");
    card.id = card.className = "link-preview";
    card.role = "tooltip";
    for (const type of ["load", "resize", "scrollend"]) addEventListener(type, place, true);
    addEventListener("keydown", (event) => {
      const at = document.activeElement;
      if (event.key === "Escape") {
        dismissed = link;
        hide();
      }
      if (event.key !== "Tab" || card.tabIndex) return;
      if (at === card) link.focus();
      else if (at === link && !event.shiftKey) {
        event.preventDefault(); // a card that scrolls comes after its link
        card.focus();
      }
    });
  }

  function look({ type, target, pointerType }) {
    const on = /over|in/.test(type) && target.closest("a.internal:not(.download), .link-preview");
    if (on && on === dismissed) return;
    dismissed = null;
    clearTimeout(timer);
    if (type === "click") return card?.contains(target) || hide();
    if (on && (on === link || on === card)) return;
    const meant = on && (type === "focusin" ? on.matches(":focus-visible")
      : pointerType !== "touch" && matchMedia("(hover: hover)").matches);
    timer = setTimeout(() => {
      if (meant) show(on);
      else if (![link, card].some((node) => node?.matches(":hover, :focus-visible"))) hide();
    }, 250);
  }

  const types = ["pointerover", "pointerleave", "focusin", "focusout", "click"];
  types.forEach((type) => article.addEventListener(type, look));
})();
