// The steps of a campaign: the wording beside its name, and a time that picks its own radio button.
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
  document.querySelectorAll("input[data-picks]").forEach((field) => {
    field.addEventListener("input", () => {
      const radio = field.form.querySelector(`input[type=radio][value="${field.dataset.picks}"]`);
      if (field.value && radio) radio.checked = true;
    });
  });
})();
