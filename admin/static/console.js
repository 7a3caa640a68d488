// Everything that moves in the console. Each part looks for its own hooks (data-…) and leaves the rest of the page alone.
"use strict";
(function () {
  const $ = (selector, root) => (root || document).querySelector(selector);
  const $$ = (selector, root) => Array.from((root || document).querySelectorAll(selector));

  // Theme: a button [data-theme-toggle]
  $$("[data-theme-toggle]").forEach((button) => button.addEventListener("click", () => {
    const root = document.documentElement;
    root.dataset.theme = root.dataset.theme === "dark" ? "light" : "dark";
    try { localStorage.setItem("theme", root.dataset.theme); } catch (error) { /* storage is off */ }
    document.dispatchEvent(new CustomEvent("themechange"));
  }));

  // Navigation drawer on narrow screens
  const burger = $("[data-nav-toggle]");
  function drawer(open) {
    document.documentElement.classList.toggle("nav-open", open);
    burger.setAttribute("aria-expanded", String(open));
    if (open) $(".side a").focus(); else burger.focus();
  }
  if (burger) {
    burger.addEventListener("click", () => drawer(!document.documentElement.classList.contains("nav-open")));
    $("[data-nav-close]").addEventListener("click", () => drawer(false));
  }

  const dialog = $("#confirm");

  // Menus made of <details class="menu">: one open at a time, closed by a click elsewhere or Escape
  document.addEventListener("click", (event) => {
    if (dialog && dialog.contains(event.target)) return;
    $$("details.menu[open]").forEach((menu) => { if (!menu.contains(event.target)) menu.open = false; });
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !(dialog && dialog.open)) {
      const menu = $("details.menu[open]");
      if (menu) { menu.open = false; $("summary", menu).focus(); return; }
      if (document.documentElement.classList.contains("nav-open")) drawer(false);
    }
    const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName) || event.target.isContentEditable;
    const search = $("[data-search]");
    if (event.key === "/" && !typing && search && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      search.focus();
      search.select();
    }
  });

  // Confirmation: a form or its submit button with data-confirm="title", data-confirm-text, data-confirm-verb,
  // data-confirm-typed (what has to be typed), data-confirm-danger
  function confirmFirst(form, submitter) {
    const source = submitter && submitter.dataset.confirm ? submitter : form;
    const asked = source.dataset;
    const field = $("[data-typed]", dialog), input = $("input", field), go = $("[data-go]", dialog);
    $("h2", dialog).textContent = asked.confirm;
    $("p", dialog).textContent = asked.confirmText || "";
    go.textContent = asked.confirmVerb || asked.confirm;
    go.classList.toggle("danger", "confirmDanger" in asked);
    go.classList.toggle("primary", !("confirmDanger" in asked));
    field.hidden = !asked.confirmTyped;
    $("label span", field).textContent = asked.confirmTyped || "";
    input.value = "";
    const check = () => { go.disabled = Boolean(asked.confirmTyped) && input.value.trim() !== asked.confirmTyped; };
    input.oninput = check;
    check();
    go.onclick = () => {
      form.dataset.confirmed = "yes";
      dialog.close();
      form.requestSubmit(submitter || undefined);
    };
    dialog.showModal();
  }
  document.addEventListener("submit", (event) => {
    const form = event.target, submitter = event.submitter;
    const asks = form.dataset.confirm || (submitter && submitter.dataset.confirm);
    if (asks && form.dataset.confirmed !== "yes") {
      event.preventDefault();
      confirmFirst(form, submitter);
      return;
    }
    delete form.dataset.confirmed;
    form.dataset.dirty = "";
    if (form.method === "post" && !("repeatable" in form.dataset)) {
      if (form.dataset.sent === "yes") { event.preventDefault(); return; }
      form.dataset.sent = "yes";
    }
  });
  window.addEventListener("pageshow", () => $$("form[data-sent]").forEach((form) => { delete form.dataset.sent; }));
  if (dialog) $("[data-keep]", dialog).addEventListener("click", () => dialog.close());

  // Unsaved changes: forms with data-guard
  document.addEventListener("input", (event) => {
    const form = event.target.form;
    if (form && "guard" in form.dataset) form.dataset.dirty = "yes";
  });
  window.addEventListener("beforeunload", (event) => {
    if ($("form[data-guard][data-dirty=yes]")) event.preventDefault();
  });

  // Several rows at once: boxes [data-row], the header box [data-rows], the bar [data-bulk]
  const boxes = $$("[data-row]"), all = $("[data-rows]"), bulk = $("[data-bulk]");
  function counted() {
    const chosen = boxes.filter((box) => box.checked).length;
    bulk.hidden = !chosen;
    $("[data-chosen]", bulk).textContent = chosen.toLocaleString();
    all.checked = chosen === boxes.length;
    all.indeterminate = chosen > 0 && chosen < boxes.length;
    $$("button[data-confirm-base]", bulk).forEach((button) => {
      button.dataset.confirm = button.dataset.confirmBase.replace("{n}", chosen.toLocaleString());
      if (chosen >= 10) button.dataset.confirmTyped = String(chosen); else delete button.dataset.confirmTyped;
    });
  }
  if (bulk && all) {
    boxes.forEach((box) => box.addEventListener("change", counted));
    all.addEventListener("change", () => { boxes.forEach((box) => { box.checked = all.checked; }); counted(); });
    counted();
  }

  // Toasts: good news leaves by itself, bad news stays
  $$(".toast").forEach((toast) => {
    $("button", toast).addEventListener("click", () => toast.remove());
    if (!toast.classList.contains("bad")) setTimeout(() => toast.remove(), 7000);
  });

  // Copy: a button data-copy="text"
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button || !navigator.clipboard) return;
    navigator.clipboard.writeText(button.dataset.copy).then(() => {
      const said = $("[data-said]", button);
      if (said) { said.textContent = "Copied"; setTimeout(() => { said.textContent = ""; }, 2000); }
    });
  });

  // Fragments of our own server: [data-refresh-url] is filled again every data-refresh-seconds, until the answer has no more
  // [data-live] in it; [data-live-url], a field or a whole form, posts its form's fields while one types and fills
  // #data-live-target
  async function fill(element, request) {
    const answer = await fetch(request.url, Object.assign({ headers: { "X-Requested-With": "fetch" } }, request.options));
    if (answer.redirected) location.reload(); // signed out meanwhile
    if (!answer.ok || answer.redirected) return false;
    element.innerHTML = await answer.text();
    return true;
  }
  $$("[data-refresh-url]").forEach((element) => {
    const seconds = Number(element.dataset.refreshSeconds || 3);
    async function again() {
      if (!document.hidden) {
        try { await fill(element, { url: element.dataset.refreshUrl }); } catch (error) { /* the next round tries again */ }
        if (!$("[data-live]", element)) {
          if ("refreshThen" in element.dataset) location.reload();
          return;
        }
      }
      setTimeout(again, seconds * 1000);
    }
    setTimeout(again, seconds * 1000);
  });
  $$("[data-live-url]").forEach((field) => {
    const target = document.getElementById(field.dataset.liveTarget);
    let timer = 0, round = 0;
    async function ask() {
      const mine = ++round;
      try {
        const answer = await fetch(field.dataset.liveUrl, {
          method: "POST", body: new FormData(field.closest("form")), headers: { "X-Requested-With": "fetch" },
        });
        const text = await answer.text();
        if (answer.ok && !answer.redirected && mine === round) target.innerHTML = text;
      } catch (error) { /* offline for a moment */ }
    }
    field.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(ask, 200); });
  });
})();
