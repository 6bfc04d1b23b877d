// Counts the time a document is really in view, shows it, and reports it now and then.
const box = document.querySelector("[data-reading]");
if (box) {
  let spent = Number(box.dataset.spent) || 0;
  let reported = spent;
  const clock = box.querySelector("[data-clock]");
  const show = () => { if (clock) clock.textContent = `${Math.floor(spent / 60)}:${String(spent % 60).padStart(2, "0")}`; };
  const token = document.querySelector("meta[name=csrf-token]")?.content || "";
  const report = () => {
    if (!box.dataset.timeUrl || spent <= reported) return;
    const data = new FormData();
    data.append("csrf_token", token);
    data.append("seconds", String(spent - reported));
    reported = spent;
    navigator.sendBeacon(box.dataset.timeUrl, data);
  };
  show();
  setInterval(() => {
    if (document.visibilityState !== "visible") return;
    spent += 1;
    show();
    if (spent - reported >= 20) report();
  }, 1000);
  document.addEventListener("visibilitychange", () => { if (document.visibilityState === "hidden") report(); });
  document.addEventListener("click", (event) => { if (event.target.closest("a[data-sign], a.btn-primary")) report(); }, true);
}
