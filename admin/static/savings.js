// The savings panel of the text editor: the server proposes, a click applies, and nothing changes by itself.
"use strict";
(function () {
  const panel = document.querySelector("[data-savings]");
  if (!panel) return;
  const WAIT = 350, SHOWN = 6;
  const form = panel.closest("form"), source = form.querySelector("[data-source]");
  const token = form.querySelector("input[name=csrf_token]").value;
  const part = (name) => panel.querySelector(`[data-part="${name}"]`);
  const notice = document.getElementById("notice"), language = document.getElementById("language");
  const past = [];

  function make(tag, className, text) {
    const element = document.createElement(tag);
    if (className) element.className = className;
    if (text !== undefined) element.textContent = text;
    return element;
  }
  function hidden(text) { return make("span", "visually-hidden", text); }
  function button(label, more, act) {
    const made = make("button", "btn small", label);
    made.type = "button";
    made.append(hidden(more));
    made.addEventListener("click", act);
    return made;
  }

  // changing the text: as one step of typing, so that the browser's own undo takes it back, too
  function type(start, end, text) {
    source.focus();
    source.setSelectionRange(start, end);
    const command = text ? document.execCommand("insertText", false, text) : document.execCommand("delete");
    if (command) return;
    source.setRangeText(text, start, end, "end");
    source.dispatchEvent(new Event("input", { bubbles: true }));
  }
  function apply(edits, asked, done) {
    if (source.value !== asked) { // the places are no longer right
      say("The text has changed meanwhile: new savings are on their way.");
      return;
    }
    const first = edits[0].start, last = edits[edits.length - 1].end;
    let text = "", at = first;
    edits.forEach((edit) => { text += asked.slice(at, edit.start) + edit.after; at = edit.end; });
    past.push({ before: asked, after: asked.slice(0, first) + text + asked.slice(last) });
    type(first, last, text);
    say(done);
  }
  function say(text) {
    part("said").textContent = text;
    part("undo").hidden = !past.length;
  }
  part("undo").addEventListener("click", () => {
    const step = past.pop();
    if (!step || step.after !== source.value) return;
    type(0, source.value.length, step.before);
    say("Undone: the text is as it was.");
  });
  function forget() { // our undo must never take away what was typed since: then only the browser's own is left
    const latest = past[past.length - 1];
    if (!latest || latest.after === source.value) return;
    past.length = 0;
    say("");
  }

  // what the server said
  function change(edit, asked) {
    const row = make("li"), said = make("div", "grow"), reads = make("p", "reads");
    const removed = make("del", "", edit.removed);
    removed.prepend(hidden("removed: "));
    reads.append(edit.left, removed);
    if (edit.added) {
      const added = make("ins", "", edit.added);
      added.prepend(hidden("added: "));
      reads.append(added);
    }
    reads.append(edit.right);
    said.append(reads, make("p", "soft small", `${edit.note}.`));
    row.append(said, button("Apply", `: ${edit.said}`, () => apply([edit], asked, `${edit.said}. You can undo it.`)));
    return row;
  }
  function changes(edits, asked) {
    const list = make("ul", "changes");
    list.append(...edits.map((edit) => change(edit, asked)));
    return list;
  }
  function plan(one, asked) {
    const box = make("article", "plan"), head = make("div", "plan-head"), words = make("div");
    words.append(make("h3", "", one.title), make("p", "", one.gain));
    if (one.worth) words.append(make("p", "plan-worth", one.worth));
    const all = one.edits.length > 1 ? "Apply all" : "Apply";
    const whole = button(all, `: ${one.title}`, () => apply(one.edits, asked, one.done));
    whole.classList.add("primary");
    head.append(words, whole);
    box.append(head, changes(one.edits.slice(0, SHOWN), asked));
    if (one.edits.length > SHOWN) {
      const more = make("details");
      more.append(make("summary", "", `${one.edits.length - SHOWN} more changes`), changes(one.edits.slice(SHOWN), asked));
      box.append(more);
    }
    return box;
  }
  function other(glyph, text) {
    const row = make("li");
    row.append(make("span", "glyph", glyph), make("span", "grow", text));
    return row;
  }
  function show(found, asked) {
    part("basis").textContent = `The fewest changes that make the text cheaper. Nothing changes until you apply it. ${found.basis}`;
    part("plans").replaceChildren(...found.plans.map((one) => plan(one, asked)));
    const others = found.obstacles.map((one) => other(one.char.trim() ? one.char : "␣", one.text));
    if (found.excess) others.unshift(other("−", found.excess));
    part("others").replaceChildren(...others);
    part("nothing").textContent = found.nothing;
    part("nothing").hidden = !found.nothing;
  }

  // asking while one types; only the newest answer counts
  let timer = 0, round = 0;
  async function ask() {
    const mine = ++round, asked = source.value;
    if (!asked.trim()) {
      show({ basis: "", plans: [], obstacles: [], excess: "", nothing: "Write a text, and what it could save shows here." }, asked);
    } else {
      try {
        const answer = await fetch(panel.dataset.savings, {
          method: "POST",
          headers: { "Content-Type": "application/json", "X-CSRFToken": token, Accept: "application/json" },
          body: JSON.stringify({ source: asked, notice: notice.checked, language: language.value }),
        });
        if (answer.ok && !answer.redirected && mine === round) show(await answer.json(), asked);
      } catch (error) { /* offline for a moment: the next letter asks again */ }
    }
    if (mine === round) panel.classList.remove("pending");
  }
  function soon() {
    clearTimeout(timer);
    panel.classList.add("pending");
    timer = setTimeout(ask, WAIT);
  }
  source.addEventListener("input", () => { forget(); soon(); });
  [notice, language].forEach((field) => field.addEventListener("change", soon));
  ask();
})();
