// Whatever scrolls sideways can be scrolled with the keyboard too: it takes the focus.
const WIDE = "pre, .table-scroll, .table-wrapper, mjx-container[display=true]";

function reach() {
  for (const box of document.querySelectorAll(WIDE)) {
    if (box.scrollWidth > box.clientWidth + 1) {
      box.tabIndex = 0;
    } else if (box.tabIndex === 0) {
      box.removeAttribute("tabindex");
    }
  }
}

window.addEventListener("load", () => {
  reach();
  // formulas are drawn after the page has loaded, and change its height, as does another width
  window.MathJax?.startup?.promise?.then(reach);
  new ResizeObserver(reach).observe(document.body);
});
window.addEventListener("resize", reach);
document.addEventListener("toggle", reach, true);

window.addEventListener("DOMContentLoaded", () => {
  // two landmarks of one kind need names
  document.querySelector(".sidebar-drawer")?.setAttribute("aria-label", "Contents of the site");
  document.querySelector(".toc-drawer")?.setAttribute("aria-label", "Contents of this page");
});
