// A campaign under way: its numbers are asked for every two seconds and put where they belong, until it is over.
"use strict";
(function () {
  const card = document.querySelector("[data-progress][data-live]");
  if (!card) return;
  const EVERY = 2000;
  const bar = card.querySelector("progress"), pace = card.querySelector("[data-word=pace]");
  const state = document.querySelector(".head .badge");
  const before = state ? state.textContent : "";

  function put(name, value) {
    document.querySelectorAll(`[data-count="${name}"]`).forEach((place) => { place.textContent = value.toLocaleString("en-US"); });
  }
  function words(found) {
    if (found.preparing) return "Preparing the texts";
    if (found.state === "paused") return "Paused";
    if (!found.rate) return "Waiting for the sender";
    return `${found.rate} texts a second` + (found.left ? `, ${found.left} left` : "");
  }
  function show(found) {
    ["done", "audience", "sent", "failed", "excluded", "segments"].forEach((name) => put(name, found[name]));
    put("out", found.excluded + found.skipped);
    document.querySelectorAll("tr[data-row]").forEach((row) => {
      const count = found.statuses[row.dataset.row] || 0;
      row.classList.toggle("none", !count);
      put(`status-${row.dataset.row}`, count);
    });
    bar.max = found.audience || 1;
    bar.value = found.done;
    const said = words(found);
    if (pace.textContent !== said) pace.textContent = said;
  }
  async function ask() {
    if (!document.hidden) {
      try {
        const answer = await fetch(card.dataset.progress, { headers: { Accept: "application/json" } });
        if (answer.redirected || answer.status === 403) return;
        if (answer.ok) {
          const found = await answer.json();
          show(found);
          if (!found.live || found.state !== (before.trim().toLowerCase() || found.state)) { location.reload(); return; }
        }
      } catch (error) { /* offline for a moment: the next round tries again */ }
    }
    setTimeout(ask, EVERY);
  }
  setTimeout(ask, EVERY);
})();
