// Draws the incident's charts with uPlot: lines over time, a band while a runbook held a lever, and a line where
// the remote's part ends.
const COLOURS = ["--bad", "--accent", "--good"];

const clock = (at) => new Date(at * 1000).toTimeString().slice(0, 8);
const theme = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function bands(list) {
  return (plot) => {
    const { ctx, bbox } = plot;
    ctx.save();
    ctx.fillStyle = theme("--act");
    ctx.globalAlpha = 0.13;
    for (const band of list) {
      const from = Math.max(plot.valToPos(band.start, "x", true), bbox.left);
      const to = Math.min(plot.valToPos(band.end, "x", true), bbox.left + bbox.width);
      if (to > from) ctx.fillRect(from, bbox.top, to - from, bbox.height);
    }
    ctx.restore();
  };
}

function seam(page) {
  return (plot) => {
    const { ctx, bbox } = plot;
    if (!page.seam) return;
    const at = plot.valToPos(page.seam.at, "x", true);
    if (at < bbox.left || at > bbox.left + bbox.width) return;
    ctx.save();
    ctx.strokeStyle = ctx.fillStyle = theme("--soft");
    ctx.lineWidth = devicePixelRatio;
    ctx.setLineDash([4 * devicePixelRatio, 3 * devicePixelRatio]);
    ctx.beginPath();
    ctx.moveTo(at, bbox.top);
    ctx.lineTo(at, bbox.top + bbox.height);
    ctx.stroke();
    ctx.font = `${11 * devicePixelRatio}px sans-serif`;
    ctx.textBaseline = "top";
    const text = `◂ ${page.seam.title}`;
    const room = at - bbox.left > ctx.measureText(text).width + 8;
    ctx.textAlign = room ? "right" : "left";
    ctx.fillText(text, room ? at - 4 : Math.max(at + 4, bbox.left + 4), bbox.top + 4);
    ctx.restore();
  };
}

export class Charts {
  constructor(place, address) {
    this.place = place;
    this.address = address;
    this.plots = [];
    this.bands = [];
    this.page = { seam: null };
    this.note = document.getElementById("charts-note");
    new ResizeObserver(() => this.resize()).observe(place);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.rebuild());
  }

  async keepDrawn(every = 3000) {
    await this.load();
    setInterval(() => document.hidden || this.load(), every);
  }

  explain() {
    const empty = this.data.charts.every((chart) => chart.lines.every((line) => line.values.every((value) => value == null)));
    const said = empty ? ["No samples of that time are kept any more."] : [];
    if (this.page.seam) said.push(`Left of the dashed line: ${this.page.seam.title}.`);
    this.note.textContent = [...said, ...(this.data.troubles ?? [])].join(" ");
  }

  async load() {
    const answer = await fetch(this.address, { headers: { Accept: "application/json" } });
    if (!answer.ok) return;
    this.data = await answer.json();
    this.bands.splice(0, this.bands.length, ...this.data.bands);
    this.page.seam = this.data.seam ?? null;
    this.explain();
    if (!this.plots.length) this.build();
    else if (this.lines() !== this.drawn) this.rebuild();
    else this.data.charts.forEach((chart, index) => this.plots[index].setData(this.columns(chart)));
  }

  // A rule's series come and go: then the plots are made anew.
  lines() {
    return JSON.stringify(this.data.charts.map((chart) => chart.lines.map((line) => line.title)));
  }

  columns(chart) {
    return [this.data.times, ...chart.lines.map((line) => line.values)];
  }

  rebuild() {
    this.plots.forEach((plot) => plot.destroy());
    this.plots = [];
    this.place.replaceChildren();
    if (this.data) this.build();
  }

  build() {
    this.drawn = this.lines();
    for (const chart of this.data.charts) {
      const card = document.createElement("div");
      card.className = "chart";
      const title = document.createElement("h3");
      title.textContent = chart.unit ? `${chart.title} (${chart.unit})` : chart.title;
      const figure = document.createElement("figure");
      figure.setAttribute("aria-label", title.textContent);
      card.append(title, figure);
      this.place.append(card);
      this.plots.push(new uPlot(this.options(chart, figure), this.columns(chart), figure));
    }
  }

  options(chart, figure) {
    const axis = { stroke: theme("--soft"), grid: { stroke: theme("--line"), width: 1 }, ticks: { stroke: theme("--line") } };
    return {
      width: Math.max(figure.clientWidth, 240),
      height: 190,
      cursor: { sync: { key: "incident" } },
      hooks: { drawClear: [bands(this.bands)], draw: [seam(this.page)] },
      scales: { y: { range: (plot, low, high) => [Math.min(0, low ?? 0), high > 0 ? high * 1.1 : 1] } },
      axes: [{ ...axis, values: (plot, ticks) => ticks.map(clock), space: 70 }, { ...axis, size: 48 }],
      series: [
        { label: "time", value: (plot, at) => (at == null ? "" : clock(at)) },
        ...chart.lines.map((line, index) => ({
          label: line.title,
          stroke: theme(line.dashed ? "--warn" : COLOURS[index % COLOURS.length]),
          dash: line.dashed ? [6, 4] : undefined,
          width: 1.75,
          points: { show: false },
          value: (plot, value) => (value == null ? "no data" : `${+value.toPrecision(3)} ${chart.unit}`),
        })),
      ],
    };
  }

  resize() {
    for (const plot of this.plots) {
      plot.setSize({ width: Math.max(plot.root.parentElement.clientWidth, 240), height: 190 });
    }
  }
}
