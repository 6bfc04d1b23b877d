// Forms: the first error gets the focus, nothing typed is lost by leaving or by a lost session, no double submission.
const SECRET = new Set(["password", "hidden", "file"]);

function keepTyping(form) {
  const key = `typed:${location.pathname}${location.search}`;
  const fields = () => [...form.elements].filter((it) => it.name && !SECRET.has(it.type) && !it.readOnly);
  const snapshot = () => JSON.stringify(fields().map((it) => [it.name, it.type === "checkbox" || it.type === "radio" ? it.checked : it.value]));
  const atFirst = snapshot();
  let leaving = false;
  try {
    const kept = sessionStorage.getItem(key);
    if (kept && kept !== atFirst && !form.querySelector("[data-error-summary]")) restore(form, JSON.parse(kept));
    sessionStorage.removeItem(key);
  } catch { /* private window */ }
  form.addEventListener("submit", () => { leaving = true; try { sessionStorage.setItem(key, snapshot()); } catch { /* full */ } });
  window.addEventListener("beforeunload", (event) => { if (!leaving && snapshot() !== atFirst) event.preventDefault(); });
}

function restore(form, pairs) {
  const seen = {};
  for (const [name, value] of pairs) {
    const group = form.elements[name];
    if (!group) continue;
    const index = (seen[name] = (seen[name] ?? -1) + 1);
    const it = group.length !== undefined && !group.options ? group[index] : group;
    if (!it || it.type === "file") continue;
    if (typeof value === "boolean") it.checked = value;
    else if (it.tagName !== "SELECT" || [...it.options].some((option) => option.value === value)) it.value = value;
  }
}

function onceOnly(form) {
  form.addEventListener("submit", (event) => {
    if (event.defaultPrevented) return;
    if (form.dataset.sent) { event.preventDefault(); return; }
    form.dataset.sent = "yes";
    form.querySelectorAll("button[type=submit], button:not([type])").forEach((button) => button.setAttribute("aria-busy", "true"));
    setTimeout(() => { delete form.dataset.sent; form.querySelectorAll("[aria-busy]").forEach((b) => b.removeAttribute("aria-busy")); }, 8000);
  });
  window.addEventListener("pageshow", () => { delete form.dataset.sent; });
}

function focusErrors(root) {
  const summary = root.querySelector("[data-error-summary]");
  if (!summary) return;
  const first = root.querySelector("[aria-invalid=true]");
  (first && !first.closest("[hidden]") ? first : summary).focus();
  summary.addEventListener("click", (event) => {
    const link = event.target.closest("a[href^='#']");
    const target = link && document.getElementById(link.hash.slice(1));
    if (target) { event.preventDefault(); (target.combo || target).focus(); target.scrollIntoView({ block: "center" }); }
  });
}

// A file field that says what was chosen and takes a dropped file.
function dropZones(root) {
  root.querySelectorAll("[data-drop]").forEach((zone) => {
    const input = zone.querySelector("input[type=file]");
    const label = zone.querySelector("[data-drop-name]");
    const empty = label?.textContent;
    input.addEventListener("change", () => {
      if (label) label.textContent = input.files.length ? [...input.files].map((file) => file.name).join(", ") : empty;
      zone.classList.toggle("filled", input.files.length > 0);
    });
    for (const name of ["dragover", "dragleave", "drop"]) zone.addEventListener(name, (event) => {
      event.preventDefault();
      zone.classList.toggle("over", name === "dragover");
      if (name === "drop") { input.files = event.dataTransfer.files; input.dispatchEvent(new Event("change")); }
    });
  });
}

// A page about work that goes on elsewhere asks again until the work has ended.
function followProgress(root) {
  root.querySelectorAll("[data-progress]").forEach((box) => {
    const bar = box.querySelector("progress");
    const text = box.querySelector("[data-progress-text]");
    const detail = box.querySelector("[data-progress-detail]");
    const tell = (place, words) => { if (place && words !== undefined && place.textContent !== words) place.textContent = words; };
    const look = async () => {
      try {
        const answer = await fetch(box.dataset.progress, { headers: { Accept: "application/json" } });
        if (answer.status === 401 || answer.status === 403 || answer.status === 404) { location.reload(); return; }
        const now = answer.ok ? await answer.json() : {};
        if (now.finished) { location.href = now.url || location.href; return; }
        if (now.total) { bar.max = now.total; bar.value = now.done; } else bar.removeAttribute("value");
        tell(text, now.text);
        tell(detail, now.detail);
      } catch { /* the server is away for a moment: ask again */ }
      setTimeout(look, 900);
    };
    setTimeout(look, 600);
  });
}

export function startForms(root) {
  root.querySelectorAll('option[value="__None"]').forEach((option) => { option.text = ""; });
  root.querySelectorAll("form[data-form]").forEach((form) => {
    if (form.dataset.form !== "plain") keepTyping(form);
    onceOnly(form);
  });
  focusErrors(root);
  dropZones(root);
  followProgress(root);
}
