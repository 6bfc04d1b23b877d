// A field that finds records as one types: enhances <select data-lookup="URL"> and <select multiple>.
// The select stays the form control; URL answers ?q= with [{"id", "text", "note"}] or {"results": […]}.
let number = 0;

class Combo {
  constructor(select) {
    this.select = select;
    this.url = select.dataset.lookup;
    this.many = select.multiple;
    this.at = -1;
    this.found = [];
    this.build();
    this.drawChosen();
  }

  build() {
    const id = `combo-${++number}`;
    this.box = element("div", "combo");
    this.chips = element("span", "chips");
    this.input = element("input");
    Object.assign(this.input, { type: "text", autocomplete: "off", id: `${this.select.id || id}-find`, spellcheck: false });
    this.list = element("ul", "combo-list");
    this.list.id = `${id}-list`;
    this.list.hidden = true;
    this.list.setAttribute("role", "listbox");
    const label = this.select.labels?.[0];
    if (label) { label.htmlFor = this.input.id; label.id ||= `${id}-label`; this.list.setAttribute("aria-labelledby", label.id); }
    else this.input.setAttribute("aria-label", this.select.getAttribute("aria-label") || this.select.name);
    for (const [name, value] of Object.entries({ role: "combobox", "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": this.list.id }))
      this.input.setAttribute(name, value);
    for (const name of ["aria-describedby", "aria-invalid"])
      if (this.select.hasAttribute(name)) this.input.setAttribute(name, this.select.getAttribute(name));
    if (this.select.required || this.select.getAttribute("aria-required")) this.input.setAttribute("aria-required", "true");
    this.select.removeAttribute("required");
    this.box.append(this.chips, this.input, this.list);
    this.select.after(this.box);
    this.select.hidden = true;
    this.select.combo = this.input;
    this.input.addEventListener("input", () => this.look());
    this.input.addEventListener("focus", () => this.input.select());
    this.input.addEventListener("click", () => { if (this.list.hidden) this.look(""); });
    this.input.addEventListener("keydown", (event) => this.key(event));
    this.input.addEventListener("blur", () => setTimeout(() => this.leave(), 120));
    this.list.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      const row = event.target.closest("li[data-index]");
      if (row) this.choose(this.found[Number(row.dataset.index)]);
    });
    this.select.form?.addEventListener("reset", () => setTimeout(() => this.drawChosen()));
  }

  chosen() { return [...this.select.selectedOptions].filter((option) => option.value !== "" && option.value !== "__None"); }

  drawChosen() {
    if (!this.many) { this.input.value = this.chosen()[0]?.text.trim() || ""; return; }
    this.chips.replaceChildren(...this.chosen().map((option) => {
      const chip = element("span", "chip on");
      chip.append(option.text.trim());
      const off = element("button");
      off.type = "button";
      off.textContent = "×";
      off.setAttribute("aria-label", `${document.documentElement.dataset.wordRemove} ${option.text.trim()}`);
      off.addEventListener("click", () => { option.selected = false; this.changed(); this.input.focus(); });
      chip.append(off);
      return chip;
    }));
    this.input.value = "";
  }

  async look(text = this.input.value) {
    const asked = (this.asked = (this.asked || 0) + 1);
    if (!this.url) {
      const words = text.trim().toLowerCase();
      this.show([...this.select.options].filter((o) => o.value !== "" && o.value !== "__None" && !(this.many && o.selected) && o.text.toLowerCase().includes(words))
        .slice(0, 60).map((o) => ({ id: o.value, text: o.text.trim() })));
      return;
    }
    await new Promise((done) => setTimeout(done, 140));
    if (asked !== this.asked) return;
    const url = new URL(this.url, location.href);
    url.searchParams.set("q", text.trim());
    try {
      const answer = await fetch(url, { headers: { Accept: "application/json" } });
      const data = answer.ok ? await answer.json() : [];
      if (asked === this.asked) this.show(Array.isArray(data) ? data : data.results || []);
    } catch { this.show([]); }
  }

  show(found) {
    this.found = found;
    this.at = -1;
    this.list.replaceChildren(...(found.length ? found : [null]).map((one, index) => {
      const row = element("li", one ? "" : "none");
      row.textContent = one ? one.text : "—";
      if (one) { row.dataset.index = index; row.id = `${this.list.id}-${index}`; row.setAttribute("role", "option"); row.setAttribute("aria-selected", "false"); }
      if (one?.note) { const note = element("small", "d-block text-body-secondary"); note.textContent = one.note; row.append(note); }
      return row;
    }));
    this.open(true);
  }

  open(open) {
    this.list.hidden = !open;
    this.input.setAttribute("aria-expanded", String(open));
    if (!open) this.input.removeAttribute("aria-activedescendant");
  }

  key(event) {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (this.list.hidden) { this.look(this.many ? this.input.value : ""); return; }
      this.mark((this.at + (event.key === "ArrowDown" ? 1 : -1) + this.found.length) % Math.max(this.found.length, 1));
    } else if (event.key === "Enter" && !this.list.hidden) {
      event.preventDefault();
      if (this.found.length) this.choose(this.found[Math.max(this.at, 0)]);
    } else if (event.key === "Escape" && !this.list.hidden) { event.stopPropagation(); this.open(false); this.drawChosen(); }
    else if (event.key === "Backspace" && this.many && !this.input.value) { const last = this.chosen().at(-1); if (last) { last.selected = false; this.changed(); } }
  }

  mark(at) {
    this.at = at;
    [...this.list.children].forEach((row, index) => row.setAttribute("aria-selected", String(index === at)));
    const row = this.list.children[at];
    if (row) { this.input.setAttribute("aria-activedescendant", row.id); row.scrollIntoView({ block: "nearest" }); }
  }

  choose(one) {
    let option = [...this.select.options].find((it) => it.value === String(one.id));
    if (!option) { option = new Option(one.text, one.id); this.select.add(option); }
    if (this.many) option.selected = true; else this.select.value = String(one.id);
    this.changed();
  }

  changed() {
    this.open(false);
    this.drawChosen();
    this.select.dispatchEvent(new Event("change", { bubbles: true }));
  }

  leave() {
    if (this.box.contains(document.activeElement)) return;
    if (!this.many && this.input.value.trim() === "" && this.chosen().length) {
      this.select.value = [...this.select.options].find((o) => o.value === "" || o.value === "__None")?.value ?? "";
      this.changed();
    }
    this.open(false);
    this.drawChosen();
  }
}

function element(tag, cls = "") {
  const it = document.createElement(tag);
  if (cls) it.className = cls;
  return it;
}

export function startCombos(root) {
  root.querySelectorAll("select[data-lookup]:not([hidden]), select[multiple]:not([hidden]):not([data-plain])").forEach((select) => new Combo(select));
}

document.addEventListener("fragment", (event) => startCombos(event.detail));
