/* What the theme leaves to the mouse, for the keyboard, and its toolbar. */
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  // What scrolls sideways can be reached, and only that.
  const watch = new ResizeObserver((seen) => {
    // First measure all, then change: else the page is laid out anew for each.
    const measured = seen.map(({ target }) => [target, target.scrollWidth > target.clientWidth + 1]);
    for (const [target, scrolls] of measured) {
      if (scrolls) target.tabIndex = 0;
      else if (target.hasAttribute("tabindex")) target.removeAttribute("tabindex");
    }
  });
  const WIDE = "article :is(pre, .math-block, table.docutils, .pst-scrollable-table-container)";
  document.querySelectorAll(WIDE).forEach((node) => watch.observe(node));
  // What waited for its turn (see unrolled.css) is measured when it is there.
  document.addEventListener("contentvisibilityautostatechange", ({ target, skipped }) => {
    if (skipped) return;
    watch.unobserve(target);
    watch.observe(target);
  }, true);

  // A link leads to its place: what stands before it is laid out on the way, and may turn out higher.
  let frames = 0;
  function arrive() {
    const place = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const look = () => {
      if (frames-- < 1) return;
      place.scrollIntoView();
      requestAnimationFrame(look);
    };
    frames = 6;
    if (place) look();
  }
  // Who moves on meanwhile is not pulled back.
  for (const move of ["wheel", "touchmove", "keydown"]) {
    addEventListener(move, () => { frames = 0; }, { passive: true });
  }
  // Who goes back, or loads the page anew, is led to where they were by the browser.
  document.addEventListener("click", ({ target }) => {
    if (target.closest("a")?.hash) requestAnimationFrame(arrive);
  });
  const [{ type }] = performance.getEntriesByType("navigation");
  if (type === "navigate") addEventListener("load", arrive);

  // A menu of the toolbar closes when one chose from it, looks elsewhere, or presses Escape.
  const close = () => document.querySelector(".menu[open]")?.removeAttribute("open");
  document.addEventListener("click", ({ target }) => {
    if (!target.closest(".menu summary")) close();
  });
  document.addEventListener("keydown", (event) => {
    const open = document.querySelector(".menu[open]");
    if (event.key !== "Escape" || !open) return;
    close();
    open.querySelector("summary").focus();
  });

  document.addEventListener("toggle", ({ target }) => {
    if (!target.matches(".menu[open]")) return;
    document.querySelectorAll(".menu[open]").forEach((menu) => menu === target || menu.removeAttribute("open"));
  }, true);

  // On a wide page the list of chapters folds; on a narrow one the theme opens it over the page.
  document.addEventListener("click", (event) => {
    if (!event.target.closest(".primary-toggle") || !matchMedia("(min-width: 992px)").matches) return;
    event.stopImmediatePropagation();
    document.getElementById("pst-primary-sidebar").classList.toggle("pst-sidebar-hidden");
  }, true);

  // What opened a drawer has the keyboard again when the drawer closes.
  for (const side of ["primary", "secondary"]) {
    document.getElementById(`pst-${side}-sidebar-modal`)?.addEventListener("close", () => {
      document.querySelector(`.${side}-toggle`).focus();
    });
  }

  // A figure opens large, over the page; without scripts its link leads to its file.
  const large = document.createElement("dialog");
  large.className = "large-view";
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a.enlarge");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    const figure = link.closest("figure"), picture = link.firstElementChild.cloneNode();
    const close = document.createElement("button");
    close.type = "button";
    close.textContent = "Close";
    picture.loading = "eager";
    large.setAttribute("aria-label", figure.querySelector(".caption-number")?.textContent ?? "Figure");
    large.replaceChildren(close, picture);
    if (!large.isConnected) document.body.append(large);
    large.showModal();
  });
  large.addEventListener("click", ({ target }) => target.matches("img") || large.close());

  const actions = {
    print: () => window.print(),
    "full-screen": () => document.fullscreenElement
      ? document.exitFullscreen() : document.documentElement.requestFullscreen(),
  };
  document.querySelectorAll("[data-action]").forEach((button) => {
    button.addEventListener("click", actions[button.dataset.action]);
  });
});
