// The search in the top bar: suggestions while typing, "/" jumps to it. Without scripts it is a plain form.
export function startFind() {
  const form = document.querySelector("form[data-find]");
  if (!form) return;
  const input = form.querySelector("input[type=search]");
  const panel = Object.assign(document.createElement("div"), { className: "menu-panel start scroll", id: "find-list", hidden: true });
  panel.setAttribute("role", "listbox");
  panel.setAttribute("aria-label", input.getAttribute("aria-label"));
  form.append(panel);
  for (const [name, value] of Object.entries({ role: "combobox", "aria-expanded": "false", "aria-controls": panel.id, "aria-autocomplete": "list" })) input.setAttribute(name, value);
  let asked = 0;
  let at = -1;
  const open = (yes) => { panel.hidden = !yes; input.setAttribute("aria-expanded", String(yes)); if (!yes) { at = -1; input.removeAttribute("aria-activedescendant"); } };
  const look = async () => {
    const mine = ++asked;
    const text = input.value.trim();
    if (text.length < 2) { open(false); return; }
    await new Promise((done) => setTimeout(done, 160));
    if (mine !== asked) return;
    const answer = await fetch(`${form.action}?q=${encodeURIComponent(text)}`, { headers: { Accept: "application/json" } }).catch(() => null);
    if (!answer?.ok || mine !== asked || !answer.headers.get("content-type")?.includes("json")) return;
    const data = await answer.json();
    draw(Array.isArray(data) ? data : data.results || []);
  };
  const draw = (rows) => {
    let group = "";
    panel.replaceChildren(...rows.flatMap((row, index) => {
      const item = Object.assign(document.createElement("a"), { className: "menu-item", href: row.url, id: `find-${index}` });
      item.setAttribute("role", "option");
      item.tabIndex = -1;
      const words = document.createElement("span");
      words.textContent = row.text;
      if (row.note) words.append(Object.assign(document.createElement("small"), { textContent: row.note }));
      item.append(words);
      if (!row.kind || row.kind === group) return [item];
      group = row.kind;
      return [Object.assign(document.createElement("div"), { className: "menu-head", textContent: row.kind_label || row.kind, role: "presentation" }), item];
    }));
    open(rows.length > 0);
  };
  input.addEventListener("input", look);
  input.addEventListener("keydown", (event) => {
    const items = [...panel.querySelectorAll("a")];
    if (event.key === "Escape") open(false);
    else if (!panel.hidden && items.length && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
      event.preventDefault();
      at = (at + (event.key === "ArrowDown" ? 1 : -1) + items.length) % items.length;
      items.forEach((item, index) => item.setAttribute("aria-selected", String(index === at)));
      input.setAttribute("aria-activedescendant", items[at].id);
      items[at].scrollIntoView({ block: "nearest" });
    } else if (event.key === "Enter" && at >= 0) { event.preventDefault(); location.href = items[at].href; }
  });
  document.addEventListener("click", (event) => { if (!form.contains(event.target)) open(false); });
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && !event.target.closest("input, textarea, select, [contenteditable]")) { event.preventDefault(); input.focus(); input.select(); }
  });
}
