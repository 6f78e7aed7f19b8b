// What is better with a script: the number under the pointer at once, not after the browser's pause.
(() => {
  const tip = Object.assign(document.createElement("div"), { id: "tip", hidden: true });
  tip.setAttribute("aria-hidden", "true"); // the charts' titles say it to screen readers
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
  // What somebody reads is not taken away from under them: no refresh while the page is hidden, or text is selected.
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (document.hidden || String(getSelection())) event.preventDefault();
  });
})();
