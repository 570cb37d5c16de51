"use strict";
// Everything shown here comes from the data or from a model. It is only ever set as text, never as markup.
(() => {
  const PICTURE = "data:image/webp;base64,";
  const $ = (id) => document.getElementById(id);
  const content = JSON.parse($("content").textContent);
  const pictures = JSON.parse($("pictures").textContent);
  const fields = Object.fromEntries(content.fields.map((field) => [field.name, field]));
  const store = `foresee-sheet-${content.sheet}`;
  const revealed = new Set();
  let kept = { labels: {}, left: {}, who: "" };
  let at = -1; // the answer shown; -1 before the first
  let field = 0; // the field that keys fill in

  const el = (name, className, text) => {
    const made = document.createElement(name);
    if (className) made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
  };

  load();
  scale();
  $("main").hidden = false;
  $("who").value = kept.who;
  $("who").addEventListener("input", () => { kept.who = $("who").value; save(); });
  $("begin").addEventListener("click", () => show(firstOpen() < 0 ? 0 : firstOpen()));
  $("back").addEventListener("click", () => show(at - 1));
  $("on").addEventListener("click", () => show(at + 1));
  $("open").addEventListener("click", () => show(firstOpen() < 0 ? content.items.length : firstOpen()));
  $("leave").addEventListener("click", leave);
  $("clear").addEventListener("click", clear);
  $("again").addEventListener("click", () => show(0));
  $("export").addEventListener("click", download);
  $("export-again").addEventListener("click", download);
  $("picture").addEventListener("click", reveal);
  document.addEventListener("keydown", key);
  $("then").textContent = `foresee judge agree ${fileName()}`;
  if (Object.keys(kept.labels).length) $("begin").textContent = "Go on";
  tally();

  function load() {
    try { // a file opened from disk may have no storage
      const found = JSON.parse(localStorage.getItem(store));
      if (found && typeof found === "object") kept = { ...kept, ...found };
    } catch { /* then this visit alone is kept, in memory */ }
  }

  function save() {
    try { localStorage.setItem(store, JSON.stringify(kept)); } catch { /* as above */ }
  }

  function isDone(item) {
    const given = kept.labels[item.key] || {};
    return Boolean(kept.left[item.key]) || item.fields.every((name) => name in given);
  }

  function firstOpen() {
    return content.items.findIndex((item) => !isDone(item));
  }

  function tally() {
    const done = content.items.filter(isDone).length;
    $("progress").textContent = `${done} / ${content.items.length}`;
    $("meter").style.width = `${(100 * done) / content.items.length}%`;
  }

  function scale() {
    for (const each of content.fields) {
      const block = el("div");
      block.append(el("b", "", titled(each.title)));
      if (each.doc) block.append(document.createTextNode(` ${each.doc}`));
      const list = el("dl");
      for (const choice of each.values) list.append(el("dt", "", String(choice.value)), el("dd", "", choice.doc));
      block.append(list);
      $("scale").append(block);
    }
  }

  function titled(text) {
    return text.charAt(0).toUpperCase() + text.slice(1);
  }

  function show(place) {
    at = Math.max(0, Math.min(place, content.items.length));
    const over = at === content.items.length;
    $("intro").hidden = true;
    $("done").hidden = !over || firstOpen() >= 0;
    $("task").hidden = over && firstOpen() < 0;
    if (over) {
      if (firstOpen() >= 0) show(firstOpen());
      else $("export-again").focus();
      return;
    }
    const item = content.items[at];
    $("where").textContent = `${at + 1} of ${content.items.length}`;
    $("scenario").textContent = item.scenario + (kept.left[item.key] ? " · left out" : "");
    $("request").textContent = item.request + cut(item.requestCut);
    $("answer").textContent = item.answer + cut(item.answerCut);
    $("answer").scrollTop = 0;
    picture(item);
    $("facts").replaceChildren(...item.facts.map(([name, text]) => {
      const fact = el("p", "fact");
      fact.dir = "auto";
      fact.append(el("b", "", `${titled(name)}: `), document.createTextNode(text));
      return fact;
    }));
    const given = kept.labels[item.key] || {};
    const open = item.fields.findIndex((name) => !(name in given));
    field = open < 0 ? 0 : open;
    form(item);
    $("back").disabled = at === 0;
    window.scrollTo(0, 0);
  }

  function cut(count) {
    return count ? `\n[… ${count.toLocaleString("en")} characters more]` : "";
  }

  function picture(item) {
    const uri = item.picture === undefined ? null : pictures[item.picture];
    const shown = typeof uri === "string" && uri.startsWith(PICTURE);
    $("picture").hidden = !shown;
    $("problem").hidden = shown || !item.problem;
    $("problem").textContent = item.problem ? `Image: ${item.problem}` : "";
    if (!shown) return;
    $("picture").querySelector("img").src = uri;
    blur(item);
  }

  function blur(item) {
    const seen = revealed.has(item.key);
    $("picture").classList.toggle("blurred", !seen);
    $("picture").querySelector(".caption").textContent = seen ? "Blur (i)" : "Show (i)";
    $("picture").setAttribute("aria-pressed", String(seen));
  }

  function reveal() {
    const item = content.items[at];
    if (!item || $("picture").hidden) return;
    if (revealed.has(item.key)) revealed.delete(item.key); else revealed.add(item.key);
    blur(item);
  }

  function form(item) {
    const given = kept.labels[item.key] || {};
    $("form").replaceChildren(...item.fields.map((name, place) => {
      const set = el("fieldset", place === field ? "current" : "");
      set.append(el("legend", "", fields[name].title));
      const choices = el("div", "choices");
      for (const choice of fields[name].values) {
        const button = el("button");
        button.type = "button";
        button.setAttribute("aria-pressed", String(given[name] === choice.value));
        const text = el("span", "", choice.doc || String(choice.value));
        if (String(choice.value) !== choice.key) text.prepend(el("b", "", `${choice.value} `));
        button.append(el("kbd", "", choice.key), text);
        button.addEventListener("click", () => { field = place; fill(choice.value); });
        choices.append(button);
      }
      set.append(choices);
      return set;
    }));
  }

  function fill(value) {
    const item = content.items[at];
    const name = item.fields[field];
    const before = isDone(item);
    delete kept.left[item.key];
    kept.labels[item.key] = { ...kept.labels[item.key], [name]: value };
    save();
    tally();
    $("said").textContent = `${fields[name].title}: ${value}`;
    const open = item.fields.findIndex((each) => !(each in kept.labels[item.key]));
    if (open < 0 && !before) { show(at + 1); return; }
    field = open < 0 ? Math.min(field + 1, item.fields.length - 1) : open;
    form(item);
  }

  function leave() {
    const item = content.items[at];
    delete kept.labels[item.key];
    kept.left[item.key] = true;
    save();
    tally();
    $("said").textContent = "left out";
    show(at + 1);
  }

  function clear() {
    const item = content.items[at];
    delete kept.labels[item.key];
    delete kept.left[item.key];
    save();
    tally();
    show(at);
  }

  function key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target === $("who")) return;
    if (event.key === "?") { $("intro").hidden = false; $("task").hidden = true; $("done").hidden = true; return; }
    if (!$("intro").hidden) { if (event.key === "Enter" && event.target.tagName !== "BUTTON") $("begin").click(); return; }
    if (event.key === "ArrowLeft") { show(at - 1); return; }
    if ($("task").hidden) return;
    const actions = { ArrowRight: () => show(at + 1), i: reveal, u: leave, Backspace: clear };
    if (Object.hasOwn(actions, event.key)) { event.preventDefault(); actions[event.key](); return; }
    const item = content.items[at];
    const choice = fields[item.fields[field]].values.find((each) => each.key === event.key.toLowerCase());
    if (choice) { event.preventDefault(); fill(choice.value); }
  }

  function fileName() {
    return `labels-${content.judge}-${content.sheet}.json`;
  }

  function download() {
    const whole = Object.fromEntries(content.items.filter((item) => isDone(item) && !kept.left[item.key])
      .map((item) => [item.key, kept.labels[item.key]]));
    const saved = {
      kind: "foresee labels", format: content.format, sheet: content.sheet, judge: content.judge, run: content.run,
      by: kept.who, items: content.items.length, labels: whole, left_out: Object.keys(kept.left), sealed: content.sealed,
    };
    const link = el("a");
    link.href = URL.createObjectURL(new Blob([JSON.stringify(saved, null, 1)], { type: "application/json" }));
    link.download = fileName();
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }
})();
