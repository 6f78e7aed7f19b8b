// Shows the value under the pointer at once; without this script the browser shows the title after a delay.
(() => {
  const tip = Object.assign(document.createElement("div"), { id: "tip", hidden: true });
  tip.setAttribute("aria-hidden", "true"); // screen readers read the titles of the charts
  document.body.append(tip);
  document.addEventListener("pointermove", (event) => {
    const mark = event.target.closest?.(".chart [data-value]");
    tip.hidden = !mark;
    if (!mark) return;
    tip.textContent = mark.querySelector("title")?.textContent ?? mark.dataset.value;
    const { width, height } = tip.getBoundingClientRect();
    tip.style.left = `${Math.min(event.clientX + 14, innerWidth - width - 8)}px`;
    tip.style.top = `${Math.max(8, Math.min(event.clientY + 14, innerHeight - height - 8))}px`;
  });
  // No refresh while the page is hidden or text is selected: it would replace what a person is reading.
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (document.hidden || String(getSelection())) event.preventDefault();
  });
})();
