// Signing (and other short forms) in a dialog: <a data-sign href> leads to a page holding [data-dialog-part];
// with scripts that part is shown in a dialog, and its form is sent from there. Side sheets show explanations.
let begin = () => {};

function sheet(cls, title, closeLabel) {
  const dialog = Object.assign(document.createElement("dialog"), { className: `sheet ${cls}` });
  dialog.innerHTML = '<div class="sheet-head"><h2 id="sheet-title"></h2><button type="button" class="btn btn-quiet btn-icon btn-sm">×</button></div><div class="sheet-body"></div>';
  dialog.setAttribute("aria-labelledby", "sheet-title");
  dialog.querySelector("h2").textContent = title;
  const close = dialog.querySelector("button");
  close.setAttribute("aria-label", closeLabel);
  close.addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => dialog.remove());
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  document.body.append(dialog);
  return dialog;
}

const closeWord = () => document.documentElement.dataset.wordClose;

function fill(dialog, part) {
  dialog.querySelector("h2").textContent = part.dataset.dialogTitle || part.querySelector("h1, h2")?.textContent || "";
  part.querySelector("h1")?.remove();
  dialog.querySelector(".sheet-body").replaceChildren(part);
  begin(dialog);
  const first = part.querySelector("[aria-invalid=true], [data-first], input:not([type=hidden]):not([readonly]), textarea, select");
  first?.focus();
}

async function show(dialog, answer) {
  const html = await answer.text();
  const part = read(html);
  if (!part) { leaveFor(answer.url, html); return; }
  const form = part.matches("form") ? part : part.querySelector("form");
  if (form && !form.getAttribute("action")) form.action = answer.url;
  fill(dialog, part);
}

const read = (html) => new DOMParser().parseFromString(html, "text/html").querySelector("[data-dialog-part]");

// The page to go to was already fetched and has said its messages; they are said again after the move.
function leaveFor(url, html) {
  const said = [...new DOMParser().parseFromString(html, "text/html").querySelectorAll("[data-flash]")].map((it) => it.outerHTML);
  try { if (said.length) sessionStorage.setItem("said", JSON.stringify(said)); } catch { /* private window */ }
  const target = new URL(url);
  if (target.pathname + target.search === location.pathname + location.search) location.reload();
  else location.href = url;
}

function sayAgain() {
  try {
    const said = JSON.parse(sessionStorage.getItem("said") || "[]");
    sessionStorage.removeItem("said");
    const parsed = new DOMParser().parseFromString(said.join(""), "text/html");
    document.getElementById("content")?.prepend(...parsed.body.children);
  } catch { /* nothing kept */ }
}

async function openSigning(link) {
  const dialog = sheet("", link.textContent.trim(), closeWord());
  dialog.showModal();
  dialog.addEventListener("close", () => link.focus());
  dialog.addEventListener("submit", async (event) => {
    if (event.defaultPrevented || event.target.method === "dialog") return;
    event.preventDefault();
    const button = event.submitter;
    const data = new FormData(event.target, button);
    button?.setAttribute("disabled", "");
    const answer = await fetch(event.target.action, { method: "POST", body: data }).catch(() => null);
    button?.removeAttribute("disabled");
    if (answer) await show(dialog, answer);
    else event.target.submit();
  });
  const answer = await fetch(link.href).catch(() => null);
  if (answer?.ok) await show(dialog, answer);
  else location.href = link.href;
}

export function sideSheet(title) {
  const dialog = sheet("side-sheet", title, closeWord());
  dialog.showModal();
  return dialog;
}

export async function openSide(link) {
  const dialog = sideSheet(link.dataset.title || link.textContent.trim());
  dialog.addEventListener("close", () => link.focus());
  const answer = await fetch(link.href).catch(() => null);
  const part = answer?.ok ? read(await answer.text()) : null;
  if (part) fill(dialog, part);
  else location.href = link.href;
}

export function startDialogs(start) {
  begin = start;
  sayAgain();
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-sign], a[data-side]");
    if (!link || event.defaultPrevented || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    if ("sign" in link.dataset) openSigning(link); else openSide(link);
  });
}
