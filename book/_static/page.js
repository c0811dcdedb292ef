/* What the theme leaves to the mouse, for the keyboard. */
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
  document.querySelectorAll("article pre, article .math-block, article table.docutils")
    .forEach((node) => watch.observe(node));
  // What waited for its turn (see unrolled.css) is measured when it is there.
  document.addEventListener("contentvisibilityautostatechange", ({ target, skipped }) => {
    if (skipped) return;
    watch.unobserve(target);
    watch.observe(target);
  }, true);

  // On narrow screens two drawers hide behind labels of checkboxes. The labels become buttons, and
  // what is in a closed drawer is out of reach (see unrolled.css).
  drawer("__navigation", "Chapters", ".sidebar-drawer");
  drawer("__toc", "On this page", ".toc-drawer");
});

function drawer(id, name, selector) {
  const box = document.getElementById(id);
  if (!box) return;
  const buttons = [...document.querySelectorAll(`label[for="${id}"]:not(.overlay)`)].map((label) => {
    const button = document.createElement("button");
    button.type = "button";
    button.className = label.className;
    button.setAttribute("aria-label", name);
    button.append(...label.childNodes);
    button.addEventListener("click", () => {
      box.click();
      if (box.checked) requestAnimationFrame(() => document.querySelector(selector).querySelector("a, input").focus());
    });
    label.replaceWith(button);
    return button;
  });
  const tell = () => buttons.forEach((button) => button.setAttribute("aria-expanded", box.checked));
  box.addEventListener("change", tell);
  tell();
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && box.checked) {
      box.click();
      buttons.find((button) => button.offsetParent)?.focus();
    }
  });
}
