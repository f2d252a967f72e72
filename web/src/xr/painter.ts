// What panels look like: lines of text, buttons, icons, drawn with plain 2D canvas calls. No state of its own.

import type { Fill, Line } from './layout';
import { font, kDmm, kPixelsPerDmm, type Palette } from './theme';
import type { Widget } from './widgets';

function roundedBox(context: CanvasRenderingContext2D, fill: Fill): void {
  const radius = fill.radius ?? 0;
  const [top, bottom] = [fill.top === true ? radius : 0, fill.bottom === true ? radius : 0];
  context.beginPath();
  context.roundRect(fill.x, fill.y, fill.w, fill.h, [top, top, bottom, bottom]);
  context.fill();
}

/** One line of the transcript at the origin; undefined draws empty paper. */
export function drawLine(context: CanvasRenderingContext2D, line: Line | undefined, width: number, palette: Palette, margin: number): void {
  context.fillStyle = palette.paper.panel;
  context.fillRect(0, 0, width, line?.height ?? context.canvas.height);
  if (line === undefined) return;
  context.translate(margin, 0);
  for (const fill of line.fills) {
    context.fillStyle = palette.paper[fill.paper];
    roundedBox(context, fill);
  }
  context.textBaseline = 'alphabetic';
  context.textAlign = 'left';
  for (const run of line.runs) drawRun(context, run, line.baseline, palette);
}

function drawRun(context: CanvasRenderingContext2D, run: Line['runs'][number], baseline: number, palette: Palette): void {
  if (run.fill === true) {
    context.fillStyle = palette.paper.code;
    context.beginPath();
    context.roundRect(run.x - 3, baseline - kDmm.code * kPixelsPerDmm, run.width + 6, kDmm.code * kPixelsPerDmm * 1.35, 8);
    context.fill();
  }
  context.font = run.font;
  context.fillStyle = palette.ink[run.ink];
  context.fillText(run.text, run.x, baseline);
  if (run.strike === true) context.fillRect(run.x, baseline - 11, run.width, 2);
  if (run.ink === 'link') context.fillRect(run.x, baseline + 5, run.width, 2);
}

/** The largest prefix of `text` that fits, with an ellipsis where something was cut. */
export function fit(context: CanvasRenderingContext2D, text: string, width: number): string {
  if (context.measureText(text).width <= width) return text;
  const chars = Array.from(text.slice(0, 400));
  while (chars.length > 0 && context.measureText(`${chars.join('')}…`).width > width) chars.pop();
  return `${chars.join('').trimEnd()}…`;
}

function face(widget: Widget, palette: Palette): { paper: string; ink: string } {
  const held = widget.pressed;
  if (!widget.enabled) return { paper: widget.look === 'quiet' || widget.look === 'card' ? palette.paper.panel : palette.paper.raised, ink: palette.ink.faint };
  if (widget.look === 'primary') {
    return { paper: held || widget.hovered ? palette.paper.accentHover : palette.paper.accent, ink: palette.ink.onAccent };
  }
  const idle = widget.look === 'field' || widget.look === 'draft' ? palette.paper.field : widget.look === 'quiet' ? palette.paper.panel : palette.paper.raised;
  const paper = held ? palette.paper.press : widget.hovered ? palette.paper.hover : idle;
  return { paper, ink: widget.active ? palette.ink.accent : widget.look === 'field' && widget.hint ? palette.ink.muted : palette.ink.text };
}

/** Draws a widget in dmm: the context's scale is kPixelsPerDmm, its origin the board's corner. The ground around it is repainted too. */
export function drawWidget(context: CanvasRenderingContext2D, widget: Widget, palette: Palette): void {
  const { x, y, w, h } = widget.rect;
  const { paper, ink } = face(widget, palette);
  context.fillStyle = palette.paper.panel;
  context.fillRect(x - 3, y - 3, w + 6, h + 6);
  if (widget.look === 'text' || widget.look === 'title') return drawText(context, widget, palette);
  context.fillStyle = paper;
  context.beginPath();
  context.roundRect(x, y, w, h, widget.look === 'key' ? 10 : Math.min(h / 2, 18));
  context.fill();
  if (widget.look === 'field' || widget.active || (widget.hovered && widget.enabled)) {
    context.strokeStyle = widget.active || widget.hovered ? palette.ink.accent : palette.paper.rule;
    context.lineWidth = widget.hovered ? 2 : 1.5;
    context.stroke();
  }
  drawContent(context, widget, ink);
}

function drawText(context: CanvasRenderingContext2D, widget: Widget, palette: Palette): void {
  const { x, y, w, h } = widget.rect;
  const title = widget.look === 'title';
  const size = widget.size ?? (title ? kDmm.title : kDmm.small);
  context.textAlign = 'left';
  context.textBaseline = 'middle';
  context.fillStyle = title ? palette.ink.text : palette.ink[widget.active ? 'danger' : 'muted'];
  context.font = plainFont(size, title);
  const middle = y + h / 2;
  context.fillText(fit(context, widget.label, w), x, widget.sub === '' ? middle : middle - size * 0.5);
  if (widget.sub === '') return;
  context.fillStyle = palette.ink.muted;
  context.font = plainFont(kDmm.small);
  context.fillText(fit(context, widget.sub, w), x, middle + size * 0.62);
}

function drawContent(context: CanvasRenderingContext2D, widget: Widget, ink: string): void {
  const { x, y, w, h } = widget.rect;
  context.save();
  context.fillStyle = ink;
  context.strokeStyle = ink;
  context.font = plainFont(widget.size ?? kDmm.body, widget.look === 'primary');
  context.textBaseline = 'middle';
  const middle = y + h / 2 + 1;
  const icon = widget.icon === undefined ? 0 : 20;
  if (widget.label === '') {
    if (widget.icon !== undefined) drawIcon(context, widget.icon, x + w / 2, y + h / 2, 22);
  } else if (widget.look === 'field' || widget.look === 'draft' || widget.look === 'card') {
    context.textAlign = 'left';
    const label = widget.look === 'card' ? fit(context, widget.label, w - 36) : fitEnd(context, widget.label, w - 36);
    context.fillText(label, x + 18, middle);
  } else {
    const room = w - 12 - (icon > 0 ? icon + 8 : 0);
    const label = fit(context, widget.label, room);
    const width = context.measureText(label).width + (icon > 0 ? icon + 8 : 0);
    const left = x + (w - width) / 2;
    if (widget.icon !== undefined) drawIcon(context, widget.icon, left + icon / 2, y + h / 2, icon);
    context.textAlign = 'left';
    context.fillText(label, left + (icon > 0 ? icon + 8 : 0), middle);
  }
  context.restore();
}

/** A field shows its end: that is where one types. */
function fitEnd(context: CanvasRenderingContext2D, text: string, width: number): string {
  const chars = Array.from(text.replace(/\n/g, ' ').slice(-400));
  if (context.measureText(chars.join('')).width <= width) return chars.join('');
  while (chars.length > 0 && context.measureText(`…${chars.join('')}`).width > width) chars.shift();
  return `…${chars.join('')}`;
}

/** Fonts under a scaled context are named in dmm. */
export function plainFont(dmm: number, bold = false): string {
  return font(dmm / kPixelsPerDmm, { bold });
}

export type Icon =
  | 'new' | 'captions' | 'pin' | 'recentre' | 'leave' | 'mic' | 'keyboard' | 'send' | 'stop' | 'again' | 'speak' | 'erase' | 'shift' | 'close' | 'enter';

/** Strokes on a 24 x 24 grid, as SVG paths. */
const kIcons: Record<Icon, string> = {
  new: 'M12 5v14M5 12h14',
  captions: 'M4 6h16v12H4zM7 11h5M7 14.5h8M14 11h3',
  pin: 'M9 4h6l-1 6 3 3H7l3-3zM12 13v7',
  recentre: 'M12 3v4M12 17v4M3 12h4M17 12h4M12 8.5a3.5 3.5 0 1 0 0 7a3.5 3.5 0 1 0 0-7',
  leave: 'M10 4H5v16h5M14 8l4 4-4 4M18 12H9',
  mic: 'M12 3a3 3 0 0 0-3 3v6a3 3 0 0 0 6 0V6a3 3 0 0 0-3-3M6 11a6 6 0 0 0 12 0M12 17v4M9 21h6',
  keyboard: 'M3 6h18v12H3zM7 10h.5M11 10h.5M15 10h.5M18 10h.5M8 14h8',
  send: 'M12 19V5M6 11l6-6 6 6',
  stop: 'M7 7h10v10H7z',
  again: 'M19 8a8 8 0 1 0 1 6M19 3v5h-5',
  speak: 'M4 9v6h4l5 4V5L8 9zM16 9a4 4 0 0 1 0 6M18.500 6.500a8 8 0 0 1 0 11',
  erase: 'M9 5h11v14H9l-6-7zM12 9.500l5 5M17 9.500l-5 5',
  shift: 'M12 4l8 8h-4v7H8v-7H4z',
  close: 'M6 6l12 12M18 6L6 18',
  enter: 'M19 5v6a3 3 0 0 1-3 3H5M9 10l-4 4 4 4',
};
const kPaths = new Map<Icon, Path2D>();

function drawIcon(context: CanvasRenderingContext2D, icon: Icon, x: number, y: number, size: number): void {
  const path = kPaths.get(icon) ?? new Path2D(kIcons[icon]);
  kPaths.set(icon, path);
  context.save();
  context.translate(x - size / 2, y - size / 2);
  context.scale(size / 24, size / 24);
  context.lineWidth = 2;
  context.lineCap = 'round';
  context.lineJoin = 'round';
  if (icon === 'stop') context.fill(path);
  context.stroke(path);
  context.restore();
}
