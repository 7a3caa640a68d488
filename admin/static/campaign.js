// The steps of a campaign: the wording beside its name, a time that picks its own radio button, and what belongs to a choice.
"use strict";
(function () {
  document.querySelectorAll("select[data-shows]").forEach((select) => {
    const name = select.dataset.shows, shown = document.querySelector(`[data-shown="${name}"]`);
    function show() {
      const text = document.querySelector(`template[data-${name}="${CSS.escape(select.value)}"]`);
      shown.hidden = !text;
      if (text) shown.querySelector("[data-text]").textContent = text.content.textContent;
    }
    select.addEventListener("change", show);
    show();
  });
  function chosen(name) {
    const field = document.querySelector(`select[name="${name}"], input[name="${name}"]:checked`);
    return field ? field.value : "";
  }
  function fit() {
    document.querySelectorAll("[data-chosen]").forEach((part) => {
      const [name, ...values] = part.dataset.chosen.split(" ");
      part.hidden = !values.includes(chosen(name));
    });
  }
  document.querySelectorAll("[data-chooses]").forEach((choice) => choice.addEventListener("change", fit));
  fit();
  document.querySelectorAll("input[data-picks]").forEach((field) => {
    field.addEventListener("input", () => {
      const radio = field.form.querySelector(`input[type=radio][value="${field.dataset.picks}"]`);
      if (field.value && radio) radio.checked = true;
    });
  });
})();
