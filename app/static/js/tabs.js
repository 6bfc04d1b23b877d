// Tabs over the parts of a record; the address keeps the part, arrow keys move. Without scripts all parts show below each other.
export function startTabs(root) {
  root.querySelectorAll("[data-tabs]").forEach((box) => {
    const tabs = [...box.querySelectorAll("[role=tab]")];
    if (!tabs.length) return;
    const show = (tab, keep = true) => {
      for (const one of tabs) {
        const on = one === tab;
        one.setAttribute("aria-selected", String(on));
        one.tabIndex = on ? 0 : -1;
        const part = document.getElementById(one.getAttribute("aria-controls"));
        if (part) part.hidden = !on;
      }
      if (keep) history.replaceState(null, "", `#${tab.id.replace(/^tab-/, "")}`);
    };
    tabs.forEach((tab, index) => {
      tab.addEventListener("click", () => show(tab));
      tab.addEventListener("keydown", (event) => {
        const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
        const next = step ? tabs[(index + step + tabs.length) % tabs.length] : { Home: tabs[0], End: tabs.at(-1) }[event.key];
        if (next) { event.preventDefault(); show(next); next.focus(); }
      });
    });
    show(tabs.find((tab) => tab.id === `tab-${location.hash.slice(1)}`) || tabs[0], false);
  });
}
