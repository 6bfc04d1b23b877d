// The heat map: people by items on one canvas, drawn only where it is seen; mouse, touch and keyboard.
import { openSide } from "./dialogs.js";
import { palette, GLYPH, NAME } from "./heatcolors.js";

class HeatMap {
  constructor(box) {
    this.box = box;
    this.canvas = box.querySelector("canvas");
    this.pen = this.canvas.getContext("2d");
    this.room = box.querySelector(".heat-room");
    this.state = box.querySelector("[data-heat-state]");
    this.status = document.querySelector("[data-heat-status]");
    this.words = JSON.parse(box.dataset.words);
    this.size = innerWidth < 600 ? 26 : 22;
    this.row = 0;
    this.col = 0;
    this.marked = false;
  }

  async load() {
    try {
      const answer = await fetch(this.box.dataset.heat, { headers: { Accept: "application/json" } });
      if (!answer.ok) throw new Error(String(answer.status));
      this.data = await answer.json();
    } catch { this.state.textContent = this.box.dataset.failed; return; }
    const { people, items } = this.data;
    if (!people.length || !items.length) { this.state.textContent = this.box.dataset.empty; return; }
    this.state.hidden = true;
    this.count();
    this.measure();
    this.listen();
    this.box.dataset.loaded = "yes";
  }

  count() {
    const seen = {};
    for (const row of this.data.rows) for (const letter of row) seen[letter] = (seen[letter] || 0) + 1;
    document.querySelectorAll("[data-count]").forEach((place) => {
      const letter = Object.keys(NAME).find((key) => NAME[key] === place.dataset.count);
      place.textContent = (seen[letter] || 0).toLocaleString(document.documentElement.lang);
    });
    this.status.textContent = `${this.data.people.length} × ${this.data.items.length} ${this.box.dataset.size}`;
  }

  measure() {
    const narrow = this.box.clientWidth < 600;
    this.left = narrow ? 128 : 220;
    this.top = 104;
    this.room.style.width = `${this.left + this.data.items.length * this.size + 40}px`;
    this.room.style.height = `${this.top + this.data.people.length * this.size + 8}px`;
    const ratio = window.devicePixelRatio || 1;
    const width = this.box.clientWidth;
    const height = this.box.clientHeight;
    this.canvas.width = width * ratio;
    this.canvas.height = height * ratio;
    this.canvas.style.width = `${width}px`;
    this.canvas.style.height = `${height}px`;
    this.pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.draw();
  }

  soon() {
    if (this.waiting) return;
    this.waiting = requestAnimationFrame(() => { this.waiting = 0; this.draw(); });
  }

  view() {
    const { scrollLeft, scrollTop, clientWidth, clientHeight } = this.box;
    const firstCol = Math.max(0, Math.floor(scrollLeft / this.size));
    const firstRow = Math.max(0, Math.floor(scrollTop / this.size));
    return {
      x: scrollLeft, y: scrollTop, firstCol, firstRow,
      lastCol: Math.min(this.data.items.length, firstCol + Math.ceil((clientWidth - this.left) / this.size) + 1),
      lastRow: Math.min(this.data.people.length, firstRow + Math.ceil((clientHeight - this.top) / this.size) + 1),
    };
  }

  draw() {
    const pen = this.pen;
    const v = this.view();
    const colors = palette(document.documentElement.dataset.bsTheme === "dark");
    const font = getComputedStyle(document.body).fontFamily;
    pen.clearRect(0, 0, this.canvas.width, this.canvas.height);
    pen.textBaseline = "middle";
    this.drawCells(pen, v, colors, font);
    this.drawPeople(pen, v, colors, font);
    this.drawItems(pen, v, colors, font);
    pen.fillStyle = colors.paper;
    pen.fillRect(0, 0, this.left, this.top);
    pen.fillStyle = colors.ink2;
    pen.font = `500 12px ${font}`;
    pen.textAlign = "left";
    pen.fillText(`${this.data.people.length} × ${this.data.items.length}`, 12, this.top - 14);
    pen.strokeStyle = colors.line;
    pen.beginPath();
    pen.moveTo(0, this.top + .5); pen.lineTo(this.box.clientWidth, this.top + .5);
    pen.moveTo(this.left + .5, 0); pen.lineTo(this.left + .5, this.box.clientHeight);
    pen.stroke();
  }

  drawCells(pen, v, colors, font) {
    const gap = this.size > 14 ? 1 : .5;
    pen.textAlign = "center";
    pen.font = `700 ${Math.round(this.size * .55)}px ${font}`;
    for (let r = v.firstRow; r < v.lastRow; r++) {
      const letters = this.data.rows[r];
      const y = this.top + r * this.size - v.y;
      for (let c = v.firstCol; c < v.lastCol; c++) {
        const letter = letters[c] || ".";
        const x = this.left + c * this.size - v.x;
        const [ground, ink] = colors[letter] || colors["."];
        pen.fillStyle = ground;
        pen.fillRect(x + gap, y + gap, this.size - 2 * gap, this.size - 2 * gap);
        if (GLYPH[letter] && this.size >= 14) {
          pen.fillStyle = ink;
          pen.fillText(GLYPH[letter], x + this.size / 2, y + this.size / 2 + 1);
        }
      }
    }
    if (!this.marked) return;
    pen.strokeStyle = colors.focus;
    pen.lineWidth = 2.5;
    pen.strokeRect(this.left + this.col * this.size - v.x + 1, this.top + this.row * this.size - v.y + 1, this.size - 2, this.size - 2);
    pen.lineWidth = 1;
  }

  drawPeople(pen, v, colors, font) {
    pen.fillStyle = colors.paper;
    pen.fillRect(0, this.top, this.left, this.box.clientHeight);
    pen.textAlign = "left";
    for (let r = v.firstRow; r < v.lastRow; r++) {
      const y = this.top + r * this.size - v.y;
      const on = this.marked && r === this.row;
      pen.font = `${on ? 700 : 500} ${Math.min(13, this.size - 6)}px ${font}`;
      pen.fillStyle = on ? colors.brand : colors.ink;
      pen.fillText(this.cut(pen, this.data.people[r][1], this.left - 20), 12, y + this.size / 2 + 1);
    }
  }

  drawItems(pen, v, colors, font) {
    pen.fillStyle = colors.paper;
    pen.fillRect(this.left, 0, this.box.clientWidth, this.top);
    pen.textAlign = "left";
    for (let c = v.firstCol; c < v.lastCol; c++) {
      const on = this.marked && c === this.col;
      pen.save();
      pen.translate(this.left + c * this.size - v.x + this.size / 2, this.top - 8);
      pen.rotate(-Math.PI / 3);
      pen.font = `${on ? 700 : 500} ${Math.min(12.5, this.size - 5)}px ${font}`;
      pen.fillStyle = on ? colors.brand : colors.ink2;
      pen.fillText(this.cut(pen, this.data.items[c][1], 108), 0, 0);
      pen.restore();
    }
  }

  cut(pen, text, room) {
    const known = (this.cuts ||= new Map());
    const key = `${pen.font}|${text}|${room}`;
    if (!known.has(key)) {
      let short = text;
      while (short.length > 3 && pen.measureText(short).width > room) short = `${short.slice(0, -2)}…`.replace("……", "…");
      known.set(key, short);
    }
    return known.get(key);
  }

  at(event) {
    const bounds = this.canvas.getBoundingClientRect();
    const col = Math.floor((event.clientX - bounds.left - this.left + this.box.scrollLeft) / this.size);
    const row = Math.floor((event.clientY - bounds.top - this.top + this.box.scrollTop) / this.size);
    const inside = event.clientX - bounds.left >= this.left && event.clientY - bounds.top >= this.top;
    return inside && this.data.people[row] && this.data.items[col] ? [row, col] : null;
  }

  go(row, col, scroll = true) {
    this.row = Math.max(0, Math.min(row, this.data.people.length - 1));
    this.col = Math.max(0, Math.min(col, this.data.items.length - 1));
    this.marked = true;
    const person = this.data.people[this.row];
    const item = this.data.items[this.col];
    const letter = this.data.rows[this.row][this.col] || ".";
    this.status.textContent = `${person[1]}${person[2] ? ` (${person[2]})` : ""} · ${item[1]} ${item[2]} · ${this.words[letter]}`;
    if (scroll) this.reveal();
    this.soon();
  }

  reveal() {
    const x = this.col * this.size;
    const y = this.row * this.size;
    const width = this.box.clientWidth - this.left - this.size;
    const height = this.box.clientHeight - this.top - this.size;
    if (x < this.box.scrollLeft) this.box.scrollLeft = x;
    else if (x > this.box.scrollLeft + width) this.box.scrollLeft = x - width;
    if (y < this.box.scrollTop) this.box.scrollTop = y;
    else if (y > this.box.scrollTop + height) this.box.scrollTop = y - height;
  }

  explain() {
    const url = new URL(this.box.dataset.explain, location.href);
    const here = new URLSearchParams(location.search);
    url.searchParams.set("person", this.data.people[this.row][0]);
    url.searchParams.set("item", this.data.items[this.col][0]);
    for (const name of ["as_of", "known_at"]) if (here.get(name)) url.searchParams.set(name, here.get(name));
    const link = Object.assign(document.createElement("a"), { href: url.href });
    link.dataset.title = `${this.data.people[this.row][1]} · ${this.data.items[this.col][1]}`;
    link.focus = () => this.box.focus();
    openSide(link);
  }

  key(event) {
    const page = Math.max(1, Math.floor((this.box.clientHeight - this.top) / this.size) - 1);
    const steps = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1], PageUp: [-page, 0], PageDown: [page, 0] };
    const step = steps[event.key];
    if (event.key === "Enter" || event.key === " ") { event.preventDefault(); if (this.marked) this.explain(); else this.go(0, 0); }
    else if (event.key === "Home") { event.preventDefault(); this.go(event.ctrlKey ? 0 : this.row, 0); }
    else if (event.key === "End") { event.preventDefault(); this.go(event.ctrlKey ? this.data.people.length : this.row, this.data.items.length); }
    else if (step) { event.preventDefault(); if (this.marked) this.go(this.row + step[0], this.col + step[1]); else this.go(this.row, this.col); }
  }

  zoom(step) {
    this.size = Math.max(10, Math.min(40, this.size + step * 4));
    this.cuts = new Map();
    this.measure();
  }

  listen() {
    this.box.addEventListener("scroll", () => this.soon(), { passive: true });
    this.box.addEventListener("keydown", (event) => this.key(event));
    this.canvas.addEventListener("click", (event) => { const cell = this.at(event); if (cell) { this.go(...cell, false); this.explain(); } });
    this.canvas.addEventListener("pointermove", (event) => { const cell = event.pointerType === "mouse" && this.at(event); if (cell && (cell[0] !== this.row || cell[1] !== this.col || !this.marked)) this.go(...cell, false); });
    document.querySelectorAll("[data-zoom]").forEach((button) => button.addEventListener("click", () => this.zoom(Number(button.dataset.zoom))));
    new ResizeObserver(() => this.measure()).observe(this.box);
    document.addEventListener("themechange", () => this.soon());
  }
}

document.querySelectorAll("[data-heat]").forEach((box) => new HeatMap(box).load());
