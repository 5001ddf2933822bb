"use strict";
(() => {
  const root = document.documentElement, q = document.getElementById("q"), count = document.getElementById("count");
  document.querySelector(".tools").hidden = false;

  // Theme: the system decides until somebody chooses. Storage may be forbidden for files.
  const stored = { get() { try { return localStorage.getItem("understudy-theme"); } catch { return null; } },
    set(v) { try { localStorage.setItem("understudy-theme", v); } catch { /* the choice lasts as long as the page */ } } };
  if (stored.get()) root.dataset.theme = stored.get();
  document.getElementById("theme").addEventListener("click", () => {
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    stored.set(root.dataset.theme);
  });

  // Filter: words must all occur; key:value looks at what a row says about itself.
  const keys = ["status", "area", "role", "level", "profile"];
  const rows = [...document.querySelectorAll("[data-row]")].map((el) => ({ el, text: null }));
  const textOf = (r) => r.text ??= (r.el.id + " " + r.el.textContent).toLowerCase();
  function matches(r, words) {
    return words.every((word) => {
      const at = word.indexOf(":"), key = word.slice(0, at);
      if (at > 0 && keys.includes(key)) {
        return (r.el.dataset[key] ?? "").toLowerCase().split(" ").some((v) => v.startsWith(word.slice(at + 1)));
      }
      return textOf(r).includes(at > 0 ? word.slice(at + 1) : word);
    });
  }
  function filter() {
    const words = q.value.toLowerCase().split(/\s+/).filter(Boolean);
    let left = 0;
    for (const r of rows) {
      const show = matches(r, words);
      r.el.toggleAttribute("data-hidden", !show);
      left += show;
    }
    for (const group of document.querySelectorAll(".matrix tbody, .group")) {
      group.toggleAttribute("data-hidden", !group.querySelector("[data-row]:not([data-hidden])"));
    }
    count.textContent = words.length ? `The filter shows ${left} of ${rows.length} rows.` : "";
  }
  let writing;
  q.addEventListener("input", () => {
    filter();
    clearTimeout(writing);
    writing = setTimeout(() => history.replaceState(null, "", q.value ? "#?q=" + encodeURIComponent(q.value) : location.pathname), 200);
  });

  // Transcripts: blocks of gzip in base64, each a map from the anchor of a case to HTML
  // that the report made and escaped. A block is unfolded when one of its cases opens.
  const chunks = [...document.querySelectorAll("script.chunk")], unfolded = new Map();
  async function unfold(n) {
    const octets = Uint8Array.from(atob(chunks[n - 1].textContent.trim()), (c) => c.charCodeAt(0));
    const stream = new Blob([octets]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Response(stream).json();
  }
  async function transcript(details) {
    const place = details.querySelector("[data-transcript]");
    if (!place) return;
    const n = place.dataset.transcript;
    place.removeAttribute("data-transcript");
    if (!unfolded.has(n)) unfolded.set(n, unfold(n));
    try {
      place.innerHTML = (await unfolded.get(n))[details.id];
    } catch (e) {
      place.textContent = "The transcript cannot be unfolded here (" + e + "); events.jsonl has it.";
    }
  }
  document.addEventListener("toggle", (e) => {
    if (e.target.matches("details.case") && e.target.open) transcript(e.target);
  }, true);

  // Links: #?q=... carries a filter, #case=... opens a case.
  function decode(s) { try { return decodeURIComponent(s); } catch { return s; } }
  function follow() {
    const hash = location.hash.slice(1);
    if (hash.startsWith("?q=")) {
      q.value = decode(hash.slice(3));
      filter();
      return;
    }
    const target = hash && document.getElementById(decode(hash));
    if (!target) return;
    if (target.hasAttribute("data-hidden")) { q.value = ""; filter(); }
    const details = target.closest("details") ?? target.querySelector("details");
    if (details) details.open = true;
    target.scrollIntoView({ block: "start" });
  }
  addEventListener("hashchange", follow);
  follow();

  // Keys: / filter, j and k move, o opens.
  let at = -1;
  const stops = () => rows.map((r) => r.el).filter((el) => el.offsetParent !== null && el.querySelector("a, summary"));
  addEventListener("keydown", (e) => {
    if (e.ctrlKey || e.metaKey || e.altKey || e.target.closest("input, textarea")) {
      if (e.key === "Escape" && e.target === q) { q.value = ""; q.dispatchEvent(new Event("input")); q.blur(); }
      return;
    }
    if (e.key === "/") { e.preventDefault(); q.focus(); return; }
    const list = stops();
    if ((e.key === "j" || e.key === "k") && list.length) {
      at = Math.max(0, Math.min(list.length - 1, at + (e.key === "j" ? 1 : -1)));
      list[at].querySelector("summary, a").focus();
      list[at].scrollIntoView({ block: "nearest" });
    }
    if (e.key === "o") document.activeElement?.closest("summary")?.click();
  });
})();
