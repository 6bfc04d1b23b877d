// Sidebar on a phone, drop-down menus (details elements), messages that can be dismissed, "back" buttons.
function openNav(open) {
  document.body.classList.toggle("nav-open", open);
  const veil = document.querySelector("[data-nav-close]");
  if (veil) veil.hidden = !open;
  const toggle = document.querySelector("[data-nav-toggle]");
  toggle?.setAttribute("aria-expanded", String(open));
  if (open) document.querySelector("#sidebar a")?.focus();
  else toggle?.focus();
}

function closeMenus(except) {
  document.querySelectorAll("details[data-menu][open]").forEach((menu) => { if (menu !== except) menu.open = false; });
}

function moveInMenu(event, menu) {
  const items = [...menu.querySelectorAll(".menu-panel a, .menu-panel button")];
  if (!items.length || event.target.closest("form[data-filter-form]")) return;
  const at = items.indexOf(document.activeElement);
  const next = event.key === "ArrowDown" ? items[(at + 1) % items.length] : items[(at - 1 + items.length) % items.length];
  event.preventDefault();
  next.focus();
}

function keepFolds() {
  document.querySelectorAll("details[data-keep]").forEach((fold) => {
    const key = `fold:${fold.dataset.keep}`;
    try {
      const kept = localStorage.getItem(key);
      if (kept && !fold.querySelector("[aria-current]")) fold.open = kept === "open";
      fold.addEventListener("toggle", () => localStorage.setItem(key, fold.open ? "open" : "closed"));
    } catch { /* private window */ }
  });
}

function onClick(event) {
  const at = event.target;
  closeMenus(at.closest("details[data-menu]"));
  if (at.closest("[data-nav-toggle]")) openNav(!document.body.classList.contains("nav-open"));
  else if (at.closest("[data-nav-close]")) openNav(false);
  else if (at.closest("[data-dismiss]")) at.closest("[data-flash], .toast-note")?.remove();
  else if (at.closest("[data-back]")) goBack();
  else if (at.closest("[data-print]")) window.print();
  const fill = at.closest("[data-fill-login]");
  if (fill) fillLogin(fill);
}

function goBack() {
  const inside = document.referrer && new URL(document.referrer).origin === location.origin;
  if (inside && history.length > 1) history.back();
  else location.href = "/";
}

function fillLogin(button) {
  const form = document.forms.login;
  form.username.value = button.dataset.fillLogin;
  form.password.value = button.dataset.fillPassword;
  form.requestSubmit();
}

export function toast(text, tone = "info") {
  const box = document.getElementById("toasts");
  if (!box) return;
  const note = document.createElement("div");
  note.className = `toast-note notice-${tone}`;
  const words = document.createElement("div");
  words.textContent = text;
  note.append(words);
  box.append(note);
  setTimeout(() => note.remove(), 6000);
}

export function startMenus() {
  keepFolds();
  document.addEventListener("click", onClick);
  document.addEventListener("keydown", (event) => {
    const menu = event.target.closest?.("details[data-menu][open]");
    if (event.key === "Escape") {
      if (menu) { menu.open = false; menu.querySelector("summary").focus(); }
      else if (document.body.classList.contains("nav-open")) openNav(false);
    } else if (menu && (event.key === "ArrowDown" || event.key === "ArrowUp")) moveInMenu(event, menu);
  });
  document.addEventListener("focusin", (event) => closeMenus(event.target.closest("details[data-menu]")));
}
