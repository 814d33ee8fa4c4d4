"use strict";
(() => {
  const table = document.getElementById("table");
  const rows = Array.from(table.tBodies);
  const words = document.getElementById("words");
  const impact = document.getElementById("impact");
  const shown = document.getElementById("shown");
  const texts = rows.map((row) => row.textContent.toLowerCase());
  document.querySelector(".filter").hidden = false;

  function filter() {
    const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    rows.forEach((row, n) => {
      const kind = row.dataset.impact;
      const same = row.classList.contains("same");
      const fits = impact.value === "" || (impact.value === "told" ? !same : kind === impact.value);
      row.hidden = !(fits && wanted.every((word) => texts[n].includes(word)));
      if (!row.hidden) count += 1;
    });
    shown.textContent = `${count} of ${rows.length} flows`;
  }

  const value = (row, key, column) =>
    key === "rank" ? Number(row.dataset.rank) : row.rows[0].cells[column].textContent.trim().toLowerCase();

  Array.from(table.tHead.rows[0].cells).forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const sign = down ? -1 : 1;
      const key = head.dataset.key;
      const keyed = rows.map((row) => [value(row, key, column), Number(row.dataset.rank), row]);
      keyed.sort((a, b) => (a[0] < b[0] ? -sign : a[0] > b[0] ? sign : a[1] - b[1]));
      table.append(...keyed.map((entry) => entry[2]));
    });
  });

  document.getElementById("open").addEventListener("click", (event) => {
    const all = Array.from(table.querySelectorAll("details"));
    const open = all.some((one) => !one.open);
    for (const one of all) one.open = open;
    event.target.textContent = open ? "Close all" : "Open all";
  });

  // Where a drawing is wider than the screen, what stops the packets is shown.
  table.addEventListener("toggle", (event) => {
    for (const path of event.target.querySelectorAll(".path")) {
      const stop = path.querySelector(".stop, .open");
      if (!stop || path.scrollWidth <= path.clientWidth) continue;
      const [box, here] = [stop.getBoundingClientRect(), path.getBoundingClientRect()];
      path.scrollLeft += box.left + box.width / 2 - here.left - here.width / 2;
    }
  }, true);

  let were = [];
  addEventListener("beforeprint", () => {
    were = Array.from(document.querySelectorAll("details:not([open])"));
    for (const one of were) one.open = true;
  });
  addEventListener("afterprint", () => {
    for (const one of were) one.open = false;
  });

  words.addEventListener("input", filter);
  impact.addEventListener("change", filter);
  filter();
})();
