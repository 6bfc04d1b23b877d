// Lists: ticking rows, actions on them, asking before a deletion, and building a filter.
function tick(table) {
  const all = table.querySelector("[data-check-all]");
  const boxes = [...table.querySelectorAll("input.action_check")];
  if (!all || !boxes.length) return;
  const bar = table.closest(".card, section, div")?.querySelector("[data-bulk]") || document.querySelector("[data-bulk]");
  const update = () => {
    const chosen = boxes.filter((box) => box.checked).length;
    all.checked = chosen === boxes.length;
    all.indeterminate = chosen > 0 && chosen < boxes.length;
    bar?.querySelectorAll("button").forEach((button) => { button.disabled = chosen === 0; });
    const count = bar?.querySelector("[data-bulk-count]");
    if (count) count.textContent = chosen ? String(chosen) : "";
  };
  all.addEventListener("change", () => { boxes.forEach((box) => { box.checked = all.checked; }); update(); });
  boxes.forEach((box) => box.addEventListener("change", update));
  update();
}

// "Add filter": the inputs of the chosen column come from a template; Flask-AppBuilder's lists also have an operator.
function buildFilter(root) {
  const column = root.querySelector("[data-filter-col]");
  const operator = root.querySelector("[data-filter-op]");
  const place = root.querySelector("[data-filter-value]");
  const form = root.querySelector("[data-filter-form]");
  if (!column) return;
  const fields = () => [...place.querySelectorAll("input:not([role=combobox]), select, textarea")];
  const name = () => { if (operator && fields()[0]) fields()[0].name = `_flt_${operator.value}_${column.value}`; };
  const show = () => {
    const source = root.querySelector(`template[data-filter-for="${CSS.escape(column.value)}"]`);
    place.replaceChildren(source.content.cloneNode(true));
    if (operator) {
      operator.replaceChildren(...JSON.parse(source.dataset.ops).map((text, index) => new Option(text, index)));
      plain(fields()[0], source.dataset.label);
      name();
    }
    document.dispatchEvent(new CustomEvent("fragment", { detail: place }));
  };
  column.addEventListener("change", show);
  operator?.addEventListener("change", name);
  form.addEventListener("submit", (event) => {
    const own = fields();
    if (own.every((it) => it.value === "")) { event.preventDefault(); (own[0]?.combo || own[0])?.focus(); }
    own.filter((it) => it.value === "").forEach((it) => { it.disabled = true; });
    if (event.defaultPrevented) own.forEach((it) => { it.disabled = false; });
  });
  show();
}

function plain(it, text) {
  if (!it) return;
  it.id = "filter-value";
  it.classList.add(it.tagName === "SELECT" ? "form-select" : "form-control");
  it.removeAttribute("placeholder");
  it.removeAttribute("required");
  const label = document.createElement("label");
  label.htmlFor = it.id;
  label.textContent = text;
  it.before(label);
}

function ask(text) {
  const dialog = document.getElementById("confirm-dialog");
  if (!dialog) return Promise.resolve(window.confirm(text));
  dialog.querySelector("[data-confirm-text]").textContent = text;
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((done) => dialog.addEventListener("close", () => done(dialog.returnValue === "yes"), { once: true }));
}

async function beforeSubmit(event) {
  const button = event.submitter;
  const text = button?.dataset.confirm || event.target.dataset.confirm;
  if (!text || event.target.dataset.confirmed) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  if (!(await ask(text))) return;
  event.target.dataset.confirmed = "yes";
  event.target.requestSubmit(button || undefined);
  delete event.target.dataset.confirmed;
}

document.addEventListener("submit", beforeSubmit, true);

// A table wider than its frame scrolls in it; the keyboard has to be able to, too.
function reachable(box) {
  if (box.scrollWidth <= box.clientWidth || box.hasAttribute("tabindex")) return;
  const heading = box.closest("[aria-labelledby]")?.getAttribute("aria-labelledby");
  box.tabIndex = 0;
  box.setAttribute("role", "group");
  if (heading) box.setAttribute("aria-labelledby", heading);
}

export function startLists(root) {
  root.querySelectorAll(".table-box").forEach(reachable);
  root.querySelectorAll("table.grid").forEach(tick);
  root.querySelectorAll("[data-filters]").forEach(buildFilter);
  root.querySelectorAll("form[data-autosubmit]").forEach((form) => form.addEventListener("change", () => form.requestSubmit()));
}
