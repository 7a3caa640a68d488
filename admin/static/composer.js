// The editor of a text: counted by the server while one types, so that the count is what is billed.
"use strict";
(function () {
  const form = document.querySelector("form[data-composer]");
  if (!form) return;
  const WAIT = 150;
  const source = form.querySelector("[data-source]"), panel = document.querySelector("[data-counted]");
  const part = (name) => panel.querySelector(`[data-part="${name}"]`);
  const notice = document.getElementById("notice"), language = document.getElementById("language"), purpose = document.getElementById("purpose");
  const token = form.querySelector("input[name=csrf_token]").value;

  function make(tag, className, text) {
    const element = document.createElement(tag);
    if (className) element.className = className;
    if (text !== undefined) element.textContent = text;
    return element;
  }
  function icon(name) {
    return document.querySelector(`template[data-icon="${name}"]`).content.cloneNode(true);
  }
  function write(text) {
    source.value = text;
    source.dispatchEvent(new Event("input", { bubbles: true }));
    source.focus();
  }

  // what the server said
  function dear(one) {
    const row = make("li"), said = make("span", "grow");
    row.append(make("span", "glyph", one.char.trim() ? one.char : "␣"), said);
    const times = one.times > 1 ? `, ${one.times} times` : "";
    said.textContent = `${one.name.toLowerCase()} (${one.where}${times}) makes every character count double.`;
    if (one.replacement !== null) {
      const button = make("button", "btn small", one.replacement ? `Replace with ${one.replacement}` : "Remove");
      button.type = "button";
      button.addEventListener("click", () => write(source.value.split(one.char).join(one.replacement)));
      row.append(button);
    }
    return row;
  }
  function remark(one) {
    const row = make("li"), said = make("span", "grow");
    row.append(icon("alert"), said);
    if (one.name) said.append(make("span", "mono", one.name), ` (${one.where}) `);
    said.append(one.sentence);
    return row;
  }
  function text(one) {
    const shown = make("div", "handset gap"), under = make("div", "under");
    under.append(make("span", "", one.of), make("span", "", one.encoding), make("span", "", `${one.segments} segment${one.segments === 1 ? "" : "s"}`));
    shown.append(make("div", "bubble", one.body), under);
    return shown;
  }
  function show(found) {
    const sample = found && found.sample, trouble = part("trouble");
    ["segments", "units", "left", "encoding"].forEach((name) => {
      const value = sample ? sample[name] : "—";
      part(name).textContent = typeof value === "number" ? value.toLocaleString("en-US") : value;
    });
    trouble.hidden = !(found && found.trouble);
    if (found && found.trouble) trouble.querySelector("span").textContent = `At ${found.trouble.where}: ${found.trouble.sentence}`;
    part("tried").textContent = (found && found.tried) || "Counted while you type, as it is billed.";
    const findings = found ? found.dear.map(dear).concat(found.remarks.map(remark)) : [];
    if (found && found.dear_others) findings.push(make("li", "soft", `And ${found.dear_others} more of them.`));
    if (found && found.segments_if_replaced) {
      const row = make("li", "strong");
      row.append(`Replaced, this text would be ${found.segments_if_replaced} segment${found.segments_if_replaced === 1 ? "" : "s"} instead of ${sample.segments}.`);
      findings.push(row);
    }
    part("findings").replaceChildren(...findings);
    part("texts").replaceChildren(...[sample, found && found.longest].filter(Boolean).map(text));
  }

  // asking while one types; only the newest answer counts
  let timer = 0, round = 0;
  async function ask() {
    const mine = ++round;
    if (!source.value.trim()) { show(null); return; }
    try {
      const answer = await fetch(form.dataset.composer, {
        method: "POST",
        headers: { "Content-Type": "application/json", "X-CSRFToken": token, Accept: "application/json" },
        body: JSON.stringify({ source: source.value, notice: notice.checked, language: language.value }),
      });
      if (answer.ok && !answer.redirected && mine === round) show(await answer.json());
    } catch (error) { /* offline for a moment: the next letter asks again */ }
    if (mine === round) panel.classList.remove("pending");
  }
  function again() {
    clearTimeout(timer);
    panel.classList.add("pending");
    timer = setTimeout(ask, WAIT);
  }
  source.addEventListener("input", again);
  [notice, language].forEach((field) => field.addEventListener("change", again));

  // how to stop: what the kind asks for, unless a person has chosen
  const policies = JSON.parse(form.querySelector("[data-policies]").dataset.policies);
  let chosen = false;
  notice.addEventListener("change", () => { chosen = true; });
  function policy() {
    const found = policies[purpose.value];
    notice.disabled = found === "required";
    if (found === "required" || !chosen) notice.checked = found !== "offered";
  }
  purpose.addEventListener("change", () => { policy(); again(); });
  policy();
  form.querySelectorAll("[data-insert]").forEach((button) => button.addEventListener("click", () => {
    const start = source.selectionStart, inserted = `{{ ${button.dataset.insert} }}`;
    const text = source.value.slice(0, start) + inserted + source.value.slice(source.selectionEnd);
    write(text);
    source.setSelectionRange(start + inserted.length, start + inserted.length);
  }));
  // long addresses, replaced by our own short ones where one asks for it
  const shorten = form.querySelector("[data-shorten]"), shortened = form.querySelector("[data-shortened]");
  function offer() { shorten.hidden = !/https?:\/\/\S{30}/i.test(source.value); }
  shorten.addEventListener("click", async () => {
    const before = source.value;
    const answer = await fetch(shorten.dataset.shorten, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-CSRFToken": token, Accept: "application/json" },
      body: JSON.stringify({ source: before }),
    }).catch(() => null);
    const found = answer && answer.ok && !answer.redirected ? await answer.json() : null;
    if (found && source.value === before) write(found.source);
    const said = !found ? "The links could not be shortened. Try again." : found.links ? `${found.links} link${found.links === 1 ? "" : "s"} shortened. ` : "No link in it would be shorter.";
    shortened.textContent = said;
    if (found && found.links) {
      const undo = make("button", "btn small", "Undo");
      undo.type = "button";
      undo.addEventListener("click", () => { write(before); shortened.textContent = ""; });
      shortened.append(undo);
    }
  });
  source.addEventListener("input", offer);
  offer();
  form.querySelectorAll("[data-notes]").forEach((notes) => {  // what to know about the choice made
    const choice = document.getElementById(notes.dataset.notes);
    choice.addEventListener("change", () => notes.querySelectorAll("[data-of]").forEach((one) => { one.hidden = one.dataset.of !== choice.value; }));
  });
  show(JSON.parse(part("start").textContent));
})();
