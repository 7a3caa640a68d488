// A page that keeps itself up to date: the part marked data-refresh is asked for again every few seconds and put in place of the old.
"use strict";
(function () {
  const EVERY = 3000;
  function busy(part) {
    return document.hidden || part.contains(document.activeElement) || part.querySelector("form[data-dirty=yes]") || document.querySelector("dialog[open]");
  }
  async function ask() {
    const part = document.querySelector("[data-refresh]");
    if (!part) return;
    if (!busy(part)) {
      try {
        const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
        if (answer.redirected || answer.status === 403) return;
        const fresh = answer.ok && new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("[data-refresh]");
        if (fresh && !busy(part)) part.replaceWith(document.adoptNode(fresh));
      } catch (error) { /* offline for a moment: the next round tries again */ }
    }
    setTimeout(ask, EVERY);
  }
  setTimeout(ask, EVERY);
})();
