"use strict";
// Everything shown here comes from the data or from a model. It is only ever set as text, never as markup.
(() => {
  const PAGE = 24;
  const PICTURE = "data:image/webp;base64,";
  const LABELS = {
    wrong: "Wrong", refusal: "Refusal", unparsed: "No verdict", failed: "Failed", correct: "Right", scored: "Scored",
  };
  const ORDERS = {
    wrong: (card) => card.entries.filter((e) => e.outcome === "wrong").length / card.entries.length,
    differ: (card) => new Set(card.entries.map((e) => e.outcome + e.verdicts.map(([, verdict]) => verdict).join())).size,
    long: (card) => Math.max(...card.entries.map((e) => e.text.length)),
  };
  const $ = (id) => document.getElementById(id);

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
  const count = (number) => number.toLocaleString("en");
  const data = (id) => JSON.parse($(id).textContent);

  theme();
  if ($("cards")) gallery(data("cards"));
  for (const each of document.querySelectorAll(".try")) each.addEventListener("click", () => each.classList.toggle("blurred"));

  function theme() {
    const button = $("theme");
    const root = document.documentElement;
    const dark = matchMedia("(prefers-color-scheme: dark)");
    const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : dark.matches);
    const name = () => { button.textContent = isDark() ? "Light theme" : "Dark theme"; };
    try { // a file opened from disk may have no storage
      const kept = localStorage.getItem("foresee-theme");
      if (kept === "dark" || kept === "light") root.dataset.theme = kept;
    } catch { /* then the system's theme it is */ }
    button.addEventListener("click", () => {
      root.dataset.theme = isDark() ? "light" : "dark";
      try { localStorage.setItem("foresee-theme", root.dataset.theme); } catch { /* as above */ }
      name();
    });
    dark.addEventListener("change", name);
    name();
    button.hidden = false;
  }

  function gallery(all) {
    const revealed = new Set();
    let whole = null; // a promise, once texts are wanted that are longer than what cards show
    let pictures = null; // parsed when first needed: it may be many megabytes
    let matching = [];
    let page = 0;
    let opened = -1;
    let where = {}; // what a figure that was followed counts: field -> values
    let together = []; // the runs of a figure that counts several; choosing one run overrides it
    let partial = $("rest").textContent !== "";
    const instruction = sharedLine(all.cards.map((card) => card.prompt));

    document.querySelector(".script-note").hidden = true;
    $("filters").hidden = false;
    fillFilters();
    $("shared").hidden = !instruction;
    $("shared").textContent = `Most texts begin with “${instruction}”, which the cards leave out.`;
    $("filters").addEventListener("input", debounced(() => { page = 0; update(); }));
    $("filters").addEventListener("submit", (event) => event.preventDefault());
    $("clear").addEventListener("click", reset);
    $("subset").addEventListener("input", fillScenarios);
    $("previous").addEventListener("click", () => turn(-1));
    $("next").addEventListener("click", () => turn(1));
    $("detail-close").addEventListener("click", () => $("detail").close());
    $("detail-previous").addEventListener("click", () => step(-1));
    $("detail-next").addEventListener("click", () => step(1));
    $("detail").addEventListener("keydown", (event) => {
      if (event.key === "ArrowLeft") step(-1);
      if (event.key === "ArrowRight") step(1);
    });
    $("detail").addEventListener("click", (event) => { if (event.target === $("detail")) $("detail").close(); });
    $("detail").addEventListener("close", () => { show(); focusCard(); });
    for (const link of document.querySelectorAll("a[data-run]")) {
      link.addEventListener("click", () => { // a figure's way back: every item of its run
        reset();
        for (const box of $("outcomes").querySelectorAll("input")) box.checked = true;
        together = link.dataset.run.split(",").map(Number);
        $("run").value = together.length > 1 ? "" : link.dataset.run;
        where = JSON.parse(link.dataset.where || "{}");
        update();
      });
    }
    update();
    addEventListener("hashchange", follow);
    follow();

    function follow() { // a link to one item, as its details give it
      const named = /^#item-(\d+)$/.exec(location.hash);
      const card = named && all.cards[Number(named[1])];
      if (!card) return;
      if (!matching.includes(card)) {
        reset();
        for (const box of $("outcomes").querySelectorAll("input")) box.checked = true;
        update();
      }
      open(matching.indexOf(card));
    }

    function fillFilters() {
      const totals = Object.fromEntries(all.outcomes.map((name) => [name, 0]));
      for (const card of all.cards) for (const name of new Set(card.entries.map((e) => e.outcome))) totals[name] += 1;
      const wanted = all.outcomes.filter((name) => totals[name]);
      const bad = wanted.filter((name) => name !== "correct" && name !== "scored");
      for (const name of wanted) {
        const label = el("label");
        const box = el("input");
        box.type = "checkbox";
        box.value = name;
        box.defaultChecked = bad.length === 0 || bad.includes(name);
        label.append(box, LABELS[name], " ", el("span", "", count(totals[name])));
        $("outcomes").append(label);
      }
      options($("run"), all.runs.map((name, index) => [String(index), name]), "Any run");
      options($("subset"), distinct(all.cards, "subset"), "All subsets");
      fillScenarios();
      $("run-field").hidden = $("differ-field").hidden = all.runs.length < 2;
      $("blur-field").hidden = !all.pictures;
    }

    function fillScenarios() {
      const subset = $("subset").value;
      const kept = $("scenario").value;
      const inside = all.cards.filter((card) => !subset || "=" + card.subset === subset);
      options($("scenario"), distinct(inside, "scenario"), "All scenarios");
      $("scenario").value = kept;
      if ($("scenario").selectedIndex < 0) $("scenario").value = "";
    }

    function reset() {
      $("filters").reset();
      where = {};
      together = [];
      fillScenarios();
      page = 0;
      update();
    }

    function update() {
      const outcomes = new Set([...$("outcomes").querySelectorAll(":checked")].map((box) => box.value));
      const run = $("run").value === "" ? -1 : Number($("run").value);
      const of = (each) => run < 0 ? !together.length || together.includes(each) : each === run;
      const subset = $("subset").value;
      const scenario = $("scenario").value;
      const words = $("search").value.trim().toLowerCase();
      if (partial && (words || $("sort").value === "long")) whole ??= complete();
      matching = all.cards.filter((card) => {
        if (!Object.entries(where).every(([field, values]) => values.includes(card[field]))) return false;
        if (subset && "=" + card.subset !== subset) return false;
        if (scenario && "=" + card.scenario !== scenario) return false;
        if ($("differ").checked && new Set(card.entries.map((e) => e.outcome)).size < 2) return false;
        if (!card.entries.some((e) => outcomes.has(e.outcome) && of(e.run))) return false;
        return !words || partial || haystack(card).includes(words);
      });
      const weigh = ORDERS[$("sort").value];
      if (weigh) matching.sort((a, b) => weigh(b) - weigh(a)); // stable: ties stay as in the data
      show();
    }

    async function complete() { // unpacks what the cards leave out
      try {
        const packed = Uint8Array.from(atob($("rest").textContent), (letter) => letter.charCodeAt(0));
        const unpacked = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
        for (const [place, [prompt, ...entries]] of (await new Response(unpacked).json()).entries()) {
          const card = all.cards[place];
          card.prompt += prompt;
          entries.forEach(([text, reasoning], number) => {
            card.entries[number].text += text;
            card.entries[number].reasoning = reasoning;
          });
        }
      } catch {
        for (const card of all.cards) for (const entry of card.entries) entry.packed = true;
      }
      partial = false;
      const card = matching[opened];
      update();
      opened = Math.max(0, matching.indexOf(card));
      if ($("detail").open) fillDetail(card);
    }

    function haystack(card) {
      card.words ??= [card.id, card.prompt, ...card.entries.map((e) => e.text)].join("\n").toLowerCase();
      return card.words;
    }

    function show() {
      const pages = Math.max(1, Math.ceil(matching.length / PAGE));
      page = Math.min(page, pages - 1);
      const start = page * PAGE;
      const visible = matching.slice(start, start + PAGE);
      $("list").replaceChildren(...visible.map((card, offset) => cardItem(card, start + offset)));
      const range = matching.length > PAGE ? `${count(start + 1)} to ${count(start + visible.length)} of ` : "";
      const items = matching.length === 1 ? "item" : "items";
      const only = Object.entries(where).map(([field, values]) => `${field === "part" ? "subset" : field} ${values.join(" or ")}`);
      const told = only.length ? `, ${only.join(", ")}` : "";
      $("count").textContent = matching.length ? `${range}${count(matching.length)} ${items}${told}` : "No item fits these filters.";
      $("pager").hidden = pages < 2;
      $("place").textContent = `${page + 1} of ${pages}`;
      $("previous").disabled = page === 0;
      $("next").disabled = page === pages - 1;
    }

    function turn(by) {
      page += by;
      show();
      $("count").focus({ preventScroll: true });
      $("filters").scrollIntoView({ block: "start" });
    }

    function cardItem(card, place) {
      const item = el("li");
      const article = el("article", "card");
      const body = el("div");
      const title = el("h3");
      title.append(foreign("bdi", "", card.id), foreign("span", "", [card.subset, card.scenario].filter(Boolean).join(" · ")));
      const shown = pictureOf(card, () => open(place));
      if (shown) article.append(shown); else article.classList.add("bare");
      body.append(title);
      const prompt = instruction && card.prompt.startsWith(instruction) ? card.prompt.slice(instruction.length).trim() : card.prompt;
      if (prompt) body.append(foreign("p", "prompt", prompt.slice(0, 400)));
      const entries = inOrder(card).slice(0, 3);
      for (const entry of entries) body.append(entryBox(card, entry, 400));
      if (card.entries.length > entries.length) body.append(el("p", "muted", `and ${card.entries.length - entries.length} more answers`));
      const button = el("button", "open quiet", "Details");
      button.type = "button";
      button.setAttribute("aria-label", `Details of item ${card.id}`);
      button.dataset.place = String(place);
      button.addEventListener("click", () => open(place));
      body.append(button);
      article.append(body);
      item.append(article);
      return item;
    }

    function inOrder(card) { // what the chosen run answered comes first
      const chosen = (entry) => Number(String(entry.run) === $("run").value);
      return [...card.entries].sort((a, b) => chosen(b) - chosen(a));
    }

    function entryBox(card, entry, limit) {
      const box = el("div", "entry");
      const head = el("p", "entry-head");
      if (all.runs.length > 1) head.append(foreign("b", "", limit ? all.tags[entry.run] : all.runs[entry.run]));
      head.append(el("span", `outcome ${entry.outcome}`, LABELS[entry.outcome]));
      const facts = entry.verdicts.map(([, verdict]) => verdict);
      if (card.expected) facts.push(`expected ${card.expected}`);
      if (entry.epoch) facts.push(`repeat ${entry.epoch + 1}`);
      if (entry.seen) facts.push(entry.seen);
      if (entry.finish) facts.push(entry.finish);
      if (entry.server) facts.push("answered at " + entry.server);
      head.append(foreign("span", "muted", facts.join(" · ")));
      box.append(head);
      if (entry.text) box.append(foreign("p", "text", limit ? entry.text.slice(0, limit) : entry.text));
      else box.append(foreign("p", "text muted", [entry.status || "empty answer", entry.reason].filter(Boolean).join(": ")));
      return box;
    }

    function pictureOf(card, enlarge) {
      if (card.picture === undefined && !card.problem) return null;
      pictures ??= data("pictures");
      const source = pictures[card.picture];
      if (typeof source !== "string" || !source.startsWith(PICTURE)) return foreign("div", "placeholder", card.problem || "no image");
      const button = el("button", "picture");
      const image = el("img");
      const caption = el("span", "caption");
      button.type = "button";
      image.alt = "";
      image.decoding = "async";
      image.src = source;
      button.append(image, caption);
      const dress = () => {
        const clear = revealed.has(card.picture) || !$("blur").checked;
        button.classList.toggle("blurred", !clear);
        caption.textContent = clear ? "Enlarge" : "Show";
        caption.hidden = clear && !enlarge;
        button.setAttribute("aria-label", clear ? `Image of item ${card.id}, enlarge` : `Image of item ${card.id}, blurred: show it`);
        return clear;
      };
      button.addEventListener("click", () => {
        if (!button.classList.contains("blurred")) { if (enlarge) enlarge(); return; }
        revealed.add(card.picture);
        dress();
      });
      dress();
      return button;
    }

    function open(place) {
      opened = place;
      if (partial) whole ??= complete();
      fillDetail(matching[place]);
      if (!$("detail").open) $("detail").showModal();
      $("detail").scrollTop = 0;
    }

    function step(by) {
      if (matching[opened + by]) open(opened + by);
    }

    function focusCard() {
      const button = $("list").querySelector(`button.open[data-place="${opened}"]`);
      if (button) button.focus();
      else if (matching[opened]) { page = Math.floor(opened / PAGE); show(); focusCard(); }
    }

    function fillDetail(card) {
      $("detail-title").textContent = `Item ${card.id}`;
      $("detail-link").href = `#item-${all.cards.indexOf(card)}`;
      $("detail-previous").disabled = opened === 0;
      $("detail-next").disabled = opened === matching.length - 1;
      const left = el("div", "side");
      const right = el("div", "side");
      const picture = pictureOf(card, null);
      if (picture) left.append(picture);
      if (card.more) left.append(el("p", "muted", `${card.more} more images belong to this item and are not shown.`));
      const about = [["Subset", card.subset], ["Domain", card.domain], ["Scenario", card.scenario], ["Expected", card.expected]];
      left.append(list(about.filter(([, value]) => value)));
      if (card.prompt) right.append(block("Text", card.prompt, card.promptCut, "prompt"));
      for (const entry of inOrder(card)) right.append(entryDetail(card, entry));
      $("detail-body").replaceChildren(left, right);
    }

    function entryDetail(card, entry) {
      const box = entryBox(card, entry, 0);
      if (entry.packed) box.append(el("p", "muted", "This browser shows the beginnings of long texts alone."));
      if (entry.cut) box.append(el("p", "muted", `${count(entry.cut)} more characters are not on this page.`));
      if (entry.reasoning) box.append(block("Reasoning", entry.reasoning, entry.reasoningCut, "text"));
      const facts = entry.verdicts.map(([judge, verdict, why]) => [judge, why ? `${verdict} (${why})` : verdict]);
      if (entry.choices.length) {
        const rest = 1 - entry.choices.reduce((sum, [, share]) => sum + share, 0);
        const shares = [...entry.choices, ["anything else", Math.max(0, rest)]];
        facts.push(["first token", shares.map(([word, share]) => `${word} ${(100 * share).toFixed(1)}%`).join(", ")]);
      }
      if (facts.length) box.append(list(facts));
      const made = el("a", "how", "the command, commit and settings of this run");
      made.href = `#made-${entry.run}`;
      made.addEventListener("click", () => $("detail").close());
      box.append(made);
      return box;
    }

    function block(name, text, cut, className) {
      const box = el("div");
      box.append(el("h4", "", name), foreign("p", className, text));
      if (cut) box.append(el("p", "muted", `${count(cut)} more characters are not on this page.`));
      return box;
    }
  }

  function sharedLine(prompts) {
    const seen = new Map();
    for (const prompt of prompts) {
      const end = prompt.indexOf("\n");
      if (end > 0) seen.set(prompt.slice(0, end), (seen.get(prompt.slice(0, end)) || 0) + 1);
    }
    const [line, times] = [...seen].sort((a, b) => b[1] - a[1])[0] || ["", 0];
    return times > 2 && times > prompts.length / 2 && line.length < 400 ? line : "";
  }

  function list(pairs) {
    const made = el("dl");
    for (const [name, value] of pairs) made.append(foreign("dt", "", name), foreign("dd", "", value));
    return made;
  }

  function distinct(cards, field) {
    const seen = new Map();
    for (const card of cards) if (card[field]) seen.set(card[field], (seen.get(card[field]) || 0) + 1);
    return [...seen].map(([name, total]) => ["=" + name, `${name} (${count(total)})`]); // "=": no name is "all"
  }

  function options(select, pairs, all) {
    select.replaceChildren(new Option(all, ""), ...pairs.map(([value, text]) => new Option(text, value)));
    select.disabled = pairs.length === 0;
  }

  function debounced(act) {
    let timer = 0;
    return () => { clearTimeout(timer); timer = setTimeout(act, 120); };
  }
})();
