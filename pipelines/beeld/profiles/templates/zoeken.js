"use strict";
// Narrows the list of areas while typing. Without this script the whole list stands there.
(function () {
  const form = document.querySelector("form.zoek");
  const field = form.querySelector("input");
  const status = form.querySelector("[role=status]");
  const { none, one, more } = status.dataset;
  const plain = (text) => text.toLowerCase().normalize("NFD").replace(/[\u0300-\u036f]/g, "");
  const groups = Array.from(document.querySelectorAll("details.gemeente"), (group) => ({
    group,
    open: group.open,
    items: Array.from(group.querySelectorAll("li"), (item) => ({ item, text: plain(item.textContent) })),
  }));
  const narrow = () => {
    const words = plain(field.value).split(/\s+/).filter(Boolean);
    let found = 0;
    for (const { group, open, items } of groups) {
      let here = 0;
      for (const { item, text } of items) {
        item.hidden = !words.every((word) => text.includes(word));
        here += item.hidden ? 0 : 1;
      }
      group.hidden = here === 0;
      group.open = words.length ? here > 0 : open;
      found += here;
    }
    status.textContent = !words.length ? "" : found === 0 ? none : found === 1 ? one : found + more;
  };
  form.hidden = false;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const first = document.querySelector("details.gemeente:not([hidden]) li:not([hidden]) a");
    if (first) first.focus();
  });
  field.addEventListener("input", narrow);
  if (field.value) narrow();
})();
