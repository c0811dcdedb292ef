/* The reader's place: chapters read to the end are marked in the list, and the first page leads to where
   one was last. It is kept in this browser, and goes nowhere. */
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const KEY = "unrolled-place";
  const list = [...document.querySelectorAll(".bd-links a.reference.internal")];
  const here = list.find((link) => link.closest("li.current") && !link.hash);
  const headings = [...document.querySelectorAll("article section > :is(h1, h2, h3)")];

  // A browser may refuse to keep anything, and what is kept may be of another time.
  function kept() {
    try {
      const { last, read } = JSON.parse(localStorage.getItem(KEY)) ?? {};
      return { last, read: Array.isArray(read) ? read : [] };
    } catch {
      return { read: [] };
    }
  }
  function keep(change) {
    try {
      localStorage.setItem(KEY, JSON.stringify({ ...kept(), ...change }));
    } catch { /* then not */ }
  }

  const nameOf = (link) => new URL(link.href).pathname.split("/").pop();
  function mark() {
    const { read } = kept();
    for (const link of list) {
      if (!read.includes(nameOf(link)) || link.querySelector(".read")) continue;
      const done = document.createElement("span");
      done.className = "read";
      done.textContent = " ✓";
      done.setAttribute("aria-label", "read to the end");
      done.role = "img";
      link.append(done);
    }
  }
  mark();

  const { last } = kept();
  const cards = document.querySelector("ul.cards");
  const at = last && list.find((link) => nameOf(link) === last.page);
  if (cards && at) {
    const line = document.createElement("p"), link = document.createElement("a");
    line.className = "go-on";
    link.href = `${at.href}${/^#[\w-]+$/.test(last.section) ? last.section : ""}`;
    link.textContent = `Go on reading: ${at.textContent.replace(" ✓", "").trim()}, ${last.title}`;
    line.append(link);
    cards.before(line);
  }

  // A chapter of the book, from its second section on: who only looks in has no place in it.
  if (!here || headings.length < 3) return;
  let timer;
  addEventListener("scroll", () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      // What is not laid out yet, far from the window, has no height and seems to stand at 0.
      const passed = headings.filter((heading) => {
        const { top, height } = heading.getBoundingClientRect();
        return height && top < 120;
      }).pop();
      if (!passed || passed === headings[0]) return;
      const title = [...passed.childNodes].filter((part) => !part.matches?.(".section-number, .headerlink"))
        .map((part) => part.textContent).join("").trim();
      keep({ last: { page: nameOf(here), section: `#${passed.parentElement.id}`, title } });
    }, 400);
  }, { passive: true });
  new IntersectionObserver(([{ isIntersecting }]) => {
    const { read } = kept(), name = nameOf(here);
    if (!isIntersecting || read.includes(name)) return;
    keep({ read: [...read, name] });
    mark();
  }).observe(document.querySelector(".prev-next-footer"));
});
