"use strict";
// Everything shown here comes from the data or from a model. It is only ever set as text, never as markup.
(() => {
  const $ = (id) => document.getElementById(id);
  const data = JSON.parse($("rows").textContent);
  const rows = data.rows;
  const KEY = `foresee-review ${data.dataSet} ${data.page}`;
  const NAMES = { request: "Request", completion: "Answer", chosen: "Better answer", rejected: "Worse answer" };
  const STATES = { keep: "kept", fix: "fixed", drop: "dropped" };

  const el = (name, className, text) => {
    const made = document.createElement(name);
    if (className) made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
  };
  const foreign = (name, className, text) => {
    const made = el(name, className, text);
    made.dir = "auto"; // a right-to-left answer may not turn the page around it
    return made;
  };

  let decisions = recall(); // id -> {action, row, note?, text?}
  let place = 0;
  let keptInBrowser = true;

  theme();
  $("script-note").hidden = true;
  $("main").hidden = false;
  place = Math.max(0, rows.findIndex((row) => !decisions[row.id]));
  show();

  function recall() {
    try {
      const found = JSON.parse(localStorage.getItem(KEY) ?? "{}");
      return Object.fromEntries(rows.filter((row) => found[row.id]?.row === row.row).map((row) => [row.id, found[row.id]]));
    } catch {
      return {};
    }
  }

  function remember() {
    try { // a file opened from disk may have no storage
      localStorage.setItem(KEY, JSON.stringify(decisions));
      keptInBrowser = true;
    } catch {
      keptInBrowser = false;
    }
  }

  function matches(row) {
    const wanted = $("filter").value;
    const action = decisions[row.id]?.action;
    return wanted === "all" || (wanted === "undecided" ? !action : action === wanted);
  }

  function move(step) {
    let next = place + step;
    while (next >= 0 && next < rows.length && !matches(rows[next])) next += step;
    if (next < 0 || next >= rows.length) return say(step > 0 ? "That was the last one." : "That was the first one.");
    place = next;
    show();
  }

  function decide(action, text) {
    const row = rows[place];
    const note = $("note").value.trim();
    decisions[row.id] = { action, row: row.row, ...(note && { note }), ...(text && { text }) };
    remember();
    const left = rows.findIndex((other, index) => index > place && !decisions[other.id]);
    if (left < 0) { show(); return say("Every row after this one is decided."); }
    if ($("filter").value === "all" || $("filter").value === "undecided") place = left;
    show();
  }

  function takeBack() {
    delete decisions[rows[place].id];
    remember();
    show();
  }

  function show() {
    const row = rows[place];
    const decision = decisions[row.id];
    $("fixing").hidden = true;
    $("row-title").textContent = `${place + 1} / ${rows.length} · ${row.shown}`;
    $("state").textContent = decision ? STATES[decision.action] : "undecided";
    $("state").className = `badge ${decision?.action ?? ""}`;
    for (const action of ["keep", "fix", "drop"]) $(action).setAttribute("aria-pressed", String(decision?.action === action));
    $("fix").disabled = !row.editable;
    $("note").value = decision?.note ?? "";
    showPictures(row);
    showWords(row, decision);
    showCount();
    say("");
  }

  function showPictures(row) {
    const box = $("pictures");
    box.replaceChildren();
    box.parentElement.classList.toggle("bare", row.images.length === 0);
    box.classList.toggle("blurred", $("blur").checked);
    for (const name of row.images) {
      const uri = data.pictures[name];
      if (!uri?.startsWith(data.start)) {
        box.append(el("div", "placeholder", "The image can't be shown."));
        continue;
      }
      const frame = el("div", "frame");
      const image = el("img");
      image.src = uri;
      image.alt = "Image of this row";
      frame.append(image);
      box.append(frame);
    }
  }

  function showWords(row, decision) {
    const box = $("words");
    box.replaceChildren();
    for (const turn of row.earlier) box.append(part(turn.role, turn.text, ""));
    for (const [name, text] of Object.entries(row.texts)) {
      const changed = decision?.text?.[name];
      const kind = name === "request" ? "request" : `answer ${name}`;
      box.append(part(NAMES[name], changed ?? text, changed === undefined ? kind : `${kind} changed`));
    }
    if (row.fields.length) box.append(list(row.fields));
    if (row.facts.length) {
      const more = el("details");
      more.open = true;
      more.append(el("summary", "", "What is known of it"), list(row.facts));
      box.append(more);
    }
  }

  function part(name, text, kind) {
    const made = el("section", `part ${kind}`);
    made.append(el("h3", "", name), foreign("p", "", text));
    return made;
  }

  function list(pairs) {
    const made = el("dl");
    for (const [name, value] of pairs) made.append(el("dt", "", name), foreign("dd", "", value));
    return made;
  }

  function showCount() {
    const counts = { keep: 0, fix: 0, drop: 0 };
    for (const decision of Object.values(decisions)) counts[decision.action] += 1;
    const decided = counts.keep + counts.fix + counts.drop;
    $("progress").max = rows.length;
    $("progress").value = decided;
    $("count").textContent = `${decided} of ${rows.length} decided: ${counts.keep} kept, ${counts.fix} fixed, ${counts.drop} dropped`
      + (keptInBrowser ? "" : ". This browser keeps nothing: save before you close the page.");
  }

  function startFixing() {
    const row = rows[place];
    if (!row.editable) return;
    const fields = $("fields");
    fields.replaceChildren();
    for (const [name, text] of Object.entries(row.texts)) {
      const label = el("label", "", NAMES[name]);
      const area = foreign("textarea");
      area.id = `fix-${name}`;
      area.dataset.part = name;
      area.value = decisions[row.id]?.text?.[name] ?? text;
      area.rows = Math.min(12, Math.max(3, Math.ceil(area.value.length / 80)));
      label.htmlFor = area.id;
      fields.append(label, area);
    }
    $("fixing").hidden = false;
    const last = fields.querySelector("textarea:last-of-type");
    last.focus();
    last.scrollIntoView({ block: "nearest" });
  }

  function saveFix() {
    const row = rows[place];
    const text = {};
    for (const area of $("fields").querySelectorAll("textarea")) {
      if (!area.value.trim()) { area.focus(); return say("A text may not be empty: drop the row instead."); }
      if (area.value !== row.texts[area.dataset.part].replace(/\r\n?/g, "\n")) text[area.dataset.part] = area.value;
    }
    if (Object.keys(text).length === 0) { show(); return say("Nothing was changed, so nothing was decided."); }
    decide("fix", text);
    $("row").focus();
  }

  function save() {
    const content = { review: data.review, data_set: data.dataSet, decisions };
    const link = el("a");
    link.href = URL.createObjectURL(new Blob([JSON.stringify(content, null, 1)], { type: "application/json" }));
    link.download = `decisions-${data.name}-${data.page}.json`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    say(`Saved ${Object.keys(decisions).length} decisions as ${link.download}.`);
  }

  function say(text) { $("saved").textContent = text; }

  function theme() {
    const button = $("theme");
    const root = document.documentElement;
    const dark = matchMedia("(prefers-color-scheme: dark)");
    const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : dark.matches);
    const name = () => { button.textContent = isDark() ? "Light theme" : "Dark theme"; };
    button.addEventListener("click", () => { root.dataset.theme = isDark() ? "light" : "dark"; name(); });
    name();
    button.hidden = false;
  }

  const KEYS = {
    k: () => decide("keep"), d: () => decide("drop"), f: startFixing, u: takeBack, s: save,
    l: () => move(1), j: () => move(-1), arrowright: () => move(1), arrowleft: () => move(-1),
    n: () => $("note").focus(), b: () => { $("blur").checked = !$("blur").checked; showPictures(rows[place]); },
  };
  document.addEventListener("keydown", (event) => {
    const typing = /^(TEXTAREA|INPUT|SELECT)$/.test(event.target.tagName) && event.target.type !== "checkbox";
    if (!$("fixing").hidden && event.key === "Escape") { show(); $("row").focus(); return; }
    if (!$("fixing").hidden && event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); saveFix(); return; }
    if (typing) {
      if (event.target.id === "note" && (event.key === "Enter" || event.key === "Escape")) { event.preventDefault(); noteTaken(); $("row").focus(); }
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const act = KEYS[event.key.toLowerCase()];
    if (act) { event.preventDefault(); act(); }
  });

  function noteTaken() {
    const decision = decisions[rows[place].id];
    if (!decision) return;
    const note = $("note").value.trim();
    if (note) decision.note = note; else delete decision.note;
    remember();
  }

  $("keep").addEventListener("click", () => decide("keep"));
  $("drop").addEventListener("click", () => decide("drop"));
  $("fix").addEventListener("click", startFixing);
  $("next").addEventListener("click", () => move(1));
  $("previous").addEventListener("click", () => move(-1));
  $("note").addEventListener("change", noteTaken);
  $("fixing").addEventListener("submit", (event) => { event.preventDefault(); saveFix(); });
  $("give-up").addEventListener("click", show);
  $("save").addEventListener("click", save);
  $("blur").addEventListener("change", () => showPictures(rows[place]));
  $("tools").addEventListener("submit", (event) => event.preventDefault());
  $("filter").addEventListener("change", () => {
    const first = rows.findIndex(matches);
    if (first < 0) return say("No row of that kind.");
    place = first;
    show();
  });
  $("forget").addEventListener("click", () => {
    if (!confirm("Forget every decision on this page?")) return;
    decisions = {};
    remember();
    place = 0;
    show();
  });
})();
