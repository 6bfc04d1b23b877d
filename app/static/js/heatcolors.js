// Colors and signs of the heat map, the same as in its legend; a sign stands beside every color.
export const NAME = { q: "qualified", d: "due_soon", a: "assigned", o: "overdue", e: "expired", x: "exempt", l: "on_leave", n: "not_required" };
export const GLYPH = { q: "✓", d: "◔", a: "○", o: "!", e: "×", x: "–", l: "L", n: "·" };
const LIGHT = { q: ["#bfe6cd", "#0f4d2b"], d: ["#f7cf72", "#5b3700"], a: ["#a9cbfa", "#123a75"], o: ["#cf2e2e", "#fff"], e: ["#8b41c4", "#fff"], x: ["#d5dae0", "#333d48"],
  l: ["#d5dae0", "#333d48"], n: ["#f5f6f8", "#5f6b7a"], ".": ["#f5f6f8", "#5f6b7a"], paper: "#fff", ink: "#17202b", ink2: "#4b5766", line: "#c3cad3", brand: "#0b625b", focus: "#17202b" };
const DARK = { q: ["#1f5a38", "#c9f5da"], d: ["#a5740d", "#fff"], a: ["#2b5fa8", "#fff"], o: ["#cf2e2e", "#fff"], e: ["#8b41c4", "#fff"], x: ["#3c4956", "#e7edf3"],
  l: ["#3c4956", "#e7edf3"], n: ["#1b242e", "#98a6b5"], ".": ["#1b242e", "#98a6b5"], paper: "#161e27", ink: "#e7edf3", ink2: "#b0bcc9", line: "#435366", brand: "#5ad1c1", focus: "#fff" };
export const palette = (dark) => (dark ? DARK : LIGHT);
