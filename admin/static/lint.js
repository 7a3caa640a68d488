// What the compliance rules find in a text while it is written; the server decides, this only shows it.
"use strict";
(function () {
  const form = document.querySelector("form[data-composer]"), panel = document.querySelector("[data-lint]");
  if (!form || !panel) return;
  const WAIT = 300;
  const source = form.querySelector("[data-source]"), purpose = form.querySelector("[name=purpose]");
  const notice = document.getElementById("notice"), language = document.getElementById("language");
  const list = panel.querySelector("[data-lint-list]"), said = panel.querySelector("[data-lint-said]");
  const token = form.querySelector("input[name=csrf_token]").value;

  function make(tag, className, text) {
    const element = document.createElement(tag);
    if (className) element.className = className;
    if (text !== undefined) element.textContent = text;
    return element;
  }
  function button(label, act) {
    const made = make("button", "btn small", label);
    made.type = "button";
    made.addEventListener("click", act);
    return made;
  }
  function entry(one) {
    const row = make("li"), text = make("span", "said"), acts = make("span", "acts");
    const link = make("a", "", one.rule);
    link.href = `${panel.dataset.guide}#${one.rule}`;
    link.title = one.title;
    text.append(`${one.sentence} `, make("span", "soft", `${one.fix} `), link);
    if (one.unconfirmed) text.append(make("span", "soft", " (unconfirmed)"));
    if (one.waived_from) text.append(make("span", "soft", " (waived)"));
    row.append(make("span", `badge ${one.tone}`, one.weighs), text);
    if (one.start !== null) acts.append(button("Show", () => { source.focus(); source.setSelectionRange(...units(one)); }));
    if (one.autofix !== null) acts.append(button("Fix it", () => {
      source.value = one.autofix;
      source.dispatchEvent(new Event("input", { bubbles: true }));
      source.focus();
    }));
    if (acts.childNodes.length) row.append(acts);
    return row;
  }
  // the server counts characters, a text field counts UTF-16 units
  function units(one) {
    const before = Array.from(source.value);
    const upto = (end) => before.slice(0, end).join("").length;
    return [upto(one.start), upto(one.end)];
  }
  function show(found) {
    list.replaceChildren(...found.map(entry));
    const heavy = found.filter((one) => one.blocking).length;
    const count = found.length === 1 ? "1 finding" : `${found.length} findings`;
    said.textContent = !found.length ? "Nothing was found. Not legal advice."
      : `${count}${heavy ? `, ${heavy} of which stop${heavy === 1 ? "s" : ""} a campaign` : ""}. Not legal advice.`;
  }

  let timer = 0, round = 0;
  async function ask() {
    const mine = ++round;
    if (!source.value.trim()) { list.replaceChildren(); said.textContent = "Checked while you type. Not legal advice."; return; }
    try {
      const answer = await fetch(panel.dataset.lint, {
        method: "POST",
        headers: { "Content-Type": "application/json", "X-CSRFToken": token, Accept: "application/json" },
        body: JSON.stringify({ source: source.value, purpose: purpose.value, notice: notice.checked, language: language.value }),
      });
      if (answer.ok && !answer.redirected && mine === round) show((await answer.json()).findings);
    } catch (error) { /* offline for a moment: the next letter asks again */ }
  }
  function soon() { clearTimeout(timer); timer = setTimeout(ask, WAIT); }
  source.addEventListener("input", soon);
  [purpose, notice, language].forEach((field) => field.addEventListener("change", soon));
  ask();
})();
