// Charts: uPlot for the drawing, ours for what stands around it. Canvas says nothing to those who do not see it:
// each chart stands in a figure that also has its table.

import uPlot from './vendor/uplot/uPlot.esm.js';

import { h } from './dom.mjs';

const FONT = '12px system-ui, "Noto Sans", "DejaVu Sans", sans-serif';
const dark = matchMedia('(prefers-color-scheme: dark)');

/** The value of a custom property now, since a canvas does not follow the scheme by itself. */
const color = (property) => getComputedStyle(document.documentElement).getPropertyValue(property).trim();
export const layerColor = (index) => `--layer-${index}`;

/** Draws into its host, as wide as that one is, in the colours of the moment. */
class Chart {
  /** @param {HTMLElement} host @param {number} height */
  constructor(host, height) {
    this.height = height;
    this.plot = h('div', { class: 'plot', role: 'img' });
    this.tip = h('div', { class: 'tip', 'aria-hidden': 'true', hidden: true });
    host.append(this.plot);
    new ResizeObserver(() => this.resize()).observe(this.plot);
    dark.addEventListener('change', () => this.draw());
  }

  resize() {
    const width = this.plot.clientWidth;
    if (this.chart && width > 0 && width !== this.chart.width) this.chart.setSize({ width, height: this.height });
    else if (!this.chart) this.draw();
  }

  /** @param {string} label what the picture shows, in a sentence */
  show(label, content) {
    this.plot.setAttribute('aria-label', label);
    this.content = content;
    const data = this.data();
    // With as many lines as before the picture stays, and with it what is under the pointer.
    if (this.chart?.series.length === data.length) this.chart.setData(data);
    else this.draw();
  }

  draw() {
    this.chart?.destroy();
    this.chart = undefined;
    const width = this.plot.clientWidth;
    if (!this.content || width === 0) return;
    const common = { width, height: this.height, legend: { show: false } };
    this.chart = new uPlot({ ...common, ...this.options() }, this.data(), this.plot);
    this.plot.append(this.tip);
  }

  /** Beside the pointer, inside of the picture. */
  point({ left, idx }, lines) {
    const isOver = left >= 0 && idx !== null && idx !== undefined;
    this.tip.hidden = !isOver;
    if (!isOver) return;
    this.tip.replaceChildren(...lines(idx));
    const { offsetLeft } = this.chart.over;
    const room = this.plot.clientWidth - this.tip.offsetWidth;
    const beside = offsetLeft + left + 16;
    this.tip.style.transform = `translate(${Math.max(0, beside > room ? beside - this.tip.offsetWidth - 32 : beside)}px, 8px)`;
  }
}

const axis = (more) => ({
  font: FONT, stroke: () => color('--faint'), ticks: { show: false }, border: { show: false },
  grid: { stroke: () => color('--line'), width: 1 }, ...more,
});

export const tipRow = (property, text, value) => {
  const swatch = h('span', { class: 'swatch', 'aria-hidden': 'true' });
  swatch.style.background = `var(${property})`;
  return h('li', {}, h('span', {}, swatch, text), h('span', { class: 'value' }, value));
};

/**
 * Columns in layers.
 * content: labels by column; edges, the upper ones by layer, lowest first; open, by column, calls that are
 * left out of its height; format of values; lines(index), the nodes of the tip.
 */
export class ColumnChart extends Chart {
  options() {
    const { edges } = this.content;
    return {
      padding: [18, 8, 0, 0],
      scales: { x: { time: false, range: () => [-0.6, this.content.labels.length - 0.4] }, y: { range: () => [0, this.top() * 1.04 || 1] } },
      axes: [
        axis({ grid: { show: false }, size: 28, splits: () => this.labelled(), values: (_, splits) => splits.map((at) => this.content.labels[at]) }),
        axis({ size: 64, values: (_, splits) => splits.map((value) => (value === 0 ? '' : this.content.format(value))) }),
      ],
      series: [{}, ...edges.map((_, at) => layer(edges.length - 1 - at))],
      cursor: { x: false, y: false, points: { show: false }, drag: { x: false, y: false, setScale: false } },
      hooks: {
        setCursor: [(chart) => this.chart && this.point(chart.cursor, this.content.lines)],
        draw: [(chart) => marks(chart, this.content.open, this.content.edges.at(-1))],
      },
    };
  }

  // The highest edge first: the layers below are drawn over it. A column without anything has no outline either.
  data() {
    const { labels, edges } = this.content;
    const drawn = [...edges].reverse().map((edge) => edge.map((height) => (height > 0 ? height : null)));
    return [labels.map((_, at) => at), ...drawn];
  }

  top() {
    return Math.max(0, ...(this.content.edges.at(-1) ?? []));
  }

  // As many as there is room for.
  labelled() {
    const { labels } = this.content;
    const every = Math.ceil(labels.length / Math.max(2, Math.floor(this.plot.clientWidth / 70)));
    return labels.map((_, at) => at).filter((at) => at % every === 0);
  }
}

function layer(index) {
  return {
    fill: () => color(layerColor(index)), stroke: () => color('--card'), width: 1,
    paths: uPlot.paths.bars({ size: [0.72, 44], radius: 0.08 }), points: { show: false },
  };
}

// A question mark over each column that leaves calls out: it is at least as high as it is.
function marks(chart, open, top) {
  const { ctx } = chart;
  ctx.save();
  ctx.font = `${12 * devicePixelRatio}px system-ui, sans-serif`;
  ctx.textAlign = 'center';
  ctx.fillStyle = color('--wait');
  open.forEach((calls, at) => {
    if (calls > 0) ctx.fillText('?', chart.valToPos(at, 'x', true), chart.valToPos(top?.[at] ?? 0, 'y', true) - 4 * devicePixelRatio);
  });
  ctx.restore();
}

/** Lines over time. content: at in seconds; lines with values; top of the scale; format; isFilled; tip(index). */
export class LineChart extends Chart {
  options() {
    const { lines, isFilled } = this.content;
    return {
      padding: [10, 24, 0, 0],
      scales: { x: { time: true }, y: { range: () => [0, this.content.top * 1.02] } },
      axes: [axis({ grid: { show: false }, size: 28, space: 64, values: times }),
             axis({ size: 56, values: (_, splits) => splits.map((value) => (value === 0 ? '' : this.content.format(value))) })],
      series: [{}, ...lines.map((_, index) => ({
        stroke: () => color(layerColor(index)), width: 2, points: { show: false },
        fill: isFilled ? () => `${color(layerColor(index))}22` : undefined,
      }))],
      cursor: { y: false, points: { size: 6 }, drag: { x: false, y: false, setScale: false } },
      hooks: { setCursor: [(chart) => this.chart && this.point(chart.cursor, this.content.tip)] },
    };
  }

  data() {
    return [this.content.at, ...this.content.lines.map((line) => line.values)];
  }
}

const pad = (value) => String(value).padStart(2, '0');

// 24 hours, and the day where it changes; uPlot's own are American.
function times(_, splits, __, ___, step) {
  return splits.map((split) => {
    const at = new Date(split * 1000);
    return step >= 86400 ? `${pad(at.getMonth() + 1)}-${pad(at.getDate())}` : `${pad(at.getHours())}:${pad(at.getMinutes())}`;
  });
}
