// A campaign under way: its numbers are asked for every two seconds and put where they belong, until it is over.
"use strict";
(function () {
  const card = document.querySelector("[data-progress][data-live]");
  if (!card) return;
  const EVERY = 2000;
  const bar = card.querySelector("progress"), list = card.querySelector("[data-waits]");
  const state = document.querySelector(".head .badge");
  const before = state ? state.textContent.trim().toLowerCase() : "";

  function put(name, value) {
    document.querySelectorAll(`[data-count="${name}"]`).forEach((place) => { place.textContent = value.toLocaleString("en-US"); });
  }
  function say(name, text) {
    const place = card.querySelector(`[data-word="${name}"]`);
    if (!place || place.textContent === text) return;
    place.textContent = text;
    if (name !== "pace") place.hidden = !text;
  }
  function wait(sentences) {
    if (!list) return;
    list.hidden = !sentences.length;
    list.querySelector("ul").replaceChildren(...sentences.map((sentence) => {
      const line = document.createElement("li");
      line.textContent = sentence;
      return line;
    }));
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
    ["pace", "brake", "flying"].forEach((name) => say(name, found[name]));
    card.querySelector("[data-word=brake]").classList.toggle("trouble", found.trouble);
    wait(found.waits);
  }
  async function ask() {
    if (!document.hidden) {
      try {
        const answer = await fetch(card.dataset.progress, { headers: { Accept: "application/json" } });
        if (answer.redirected || answer.status === 403) return;
        if (answer.ok) {
          const found = await answer.json();
          show(found);
          if (!found.live || found.state !== (before || found.state)) { location.reload(); return; }
        }
      } catch (error) { /* offline for a moment: the next round tries again */ }
    }
    setTimeout(ask, EVERY);
  }
  setTimeout(ask, EVERY);
})();
