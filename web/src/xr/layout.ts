// Text layout: the Markdown that models write becomes a list of lines, each of which can be drawn (and redrawn) alone. Pure: no
// canvas, no three.js; `measure` is the only way to the font. Units are canvas pixels, y grows downwards.
// What is laid out: headings, paragraphs, bold, italics, inline code, links (their text), lists, tasks, quotes, code, tables, rules.
// HTML is shown as text, maths as it was written, pictures as their description: nothing is fetched, nothing is interpreted.

import { lexer, type Token, type Tokens } from 'marked';
import { breakLines, graphemes, type Measure, type Run, type Span } from './inline';
import { font, kDmm, kPixelsPerDmm, type Ink, type Paper } from './theme';

export interface Fill {
  x: number;
  y: number;
  w: number;
  h: number;
  paper: Paper;
  /** Corner radius, and which ends are rounded. */
  radius?: number;
  top?: boolean;
  bottom?: boolean;
}

export interface Line {
  readonly height: number; // includes the gap above
  readonly baseline: number; // from the line's top
  readonly runs: readonly Run[];
  readonly fills: readonly Fill[];
  /** Equal keys draw equal pixels. */
  readonly key: string;
}

const kGap = kDmm.body * 0.55 * kPixelsPerDmm; // between paragraphs
const kIndent = 24 * kPixelsPerDmm;
const kBox = 10 * kPixelsPerDmm; // padding of code boxes and table cells
/** What one reply may cost in the headset; the whole of it stands in the conversation, which the other shells show. */
export const kMaxLines = 4000;
const kMaxDepth = 8;

interface Style {
  size: number; // dmm
  bold?: boolean;
  italic?: boolean;
  ink: Ink;
  strike?: boolean;
}

interface Frame {
  x: number;
  width: number;
  bars: readonly number[]; // x of the quote bars on the left
  depth: number;
  measure: Measure;
  /** Laid out list items by their source: a list is one block, and grows to a length that is slow to lay out for each word. */
  items?: Map<string, Line[]>;
}

export function makeLine(height: number, baseline: number, runs: readonly Run[], fills: readonly Fill[]): Line {
  let key = `${height}|${baseline}`;
  for (const run of runs) key += `|${run.x.toFixed(1)}~${run.font}~${run.ink}~${run.fill ?? ''}${run.strike ?? ''}~${run.text}`;
  for (const fill of fills) key += `#${fill.x},${fill.y},${fill.w},${fill.h},${fill.paper},${fill.radius},${fill.top},${fill.bottom}`;
  return { height, baseline, runs, fills, key };
}

const kShapingReach = 96; // how far back a new letter may change those before it (ligatures, joined emoji, vowel signs)
const kRightToLeft = /[\u0590-\u08ff\ufb1d-\ufefc]/;

/** The columns in which two lines may differ: the end, where words were added to text that stays; undefined means everywhere. */
export function changedColumns(before: Line, after: Line): [from: number, to: number] | undefined {
  if (before.height !== after.height || before.baseline !== after.baseline || before.fills.length + after.fills.length > 0) return undefined;
  const last = before.runs.length - 1;
  const [was, is, end] = [before.runs[last], after.runs[last], after.runs[after.runs.length - 1]];
  if (was === undefined || is === undefined || end === undefined || kRightToLeft.test(is.text + end.text)) return undefined;
  for (let i = 0; i < last; i++) if (!sameRun(before.runs[i], after.runs[i], true)) return undefined;
  if (!sameRun(was, is, false) || was.fill === true || !is.text.startsWith(was.text)) return undefined;
  const [ended, ends] = [was.x + was.width, end.x + end.width]; // joined emoji can make a line shorter
  return [Math.max(0, Math.floor(Math.min(ended, ends)) - kShapingReach), Math.ceil(Math.max(ended, ends)) + kShapingReach];
}

function sameRun(a: Run | undefined, b: Run | undefined, text: boolean): boolean {
  if (a === undefined || b === undefined || (text && a.text !== b.text)) return false;
  return a.x === b.x && a.font === b.font && a.ink === b.ink && a.fill === b.fill && a.strike === b.strike;
}

export function lineHeight(size: number): number {
  return Math.ceil(size * kDmm.leading * kPixelsPerDmm);
}

function shifted(runs: readonly Run[], x: number): Run[] {
  return runs.map((run) => ({ ...run, x: run.x + x }));
}

function bars(frame: Frame, height: number): Fill[] {
  return frame.bars.map((x) => ({ x, y: 0, w: 3 * kPixelsPerDmm, h: height, paper: 'rule' as const }));
}

/** Lines of plain spans at one size; the first carries `gap` above it. */
function textLines(spans: readonly Span[], size: number, frame: Frame, gap: number): Line[] {
  return breakLines(spans, frame.width, frame.measure).map((runs, i) => {
    const above = i === 0 ? Math.round(gap) : 0;
    const height = above + lineHeight(size);
    const baseline = above + Math.round(lineHeight(size) * 0.5 + size * kPixelsPerDmm * 0.36);
    return makeLine(height, baseline, shifted(runs, frame.x), bars(frame, height));
  });
}

const kEntities: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'", nbsp: '\u00a0' };

function decode(text: string): string {
  return text.replace(/&(amp|lt|gt|quot|#39|nbsp);/g, (whole, name: string) => kEntities[name] ?? whole);
}

function span(text: string, style: Style): Span {
  const { size, bold = false, italic = false } = style;
  return { text: decode(text), font: font(size, { bold, italic }), ink: style.ink, ...(style.strike === true ? { strike: true } : {}) };
}

function inlineSpans(tokens: readonly Token[] | undefined, style: Style, depth = 0): Span[] {
  const spans: Span[] = [];
  for (const token of tokens ?? []) {
    const nested = 'tokens' in token && depth < kMaxDepth ? (token.tokens as Token[] | undefined) : undefined;
    if (token.type === 'codespan') {
      spans.push({ text: (token as Tokens.Codespan).text, font: font(kDmm.code, { mono: true }), ink: style.ink, fill: true });
    } else if (token.type === 'br') {
      spans.push(span('\n', style));
    } else if (nested !== undefined && nested.length > 0) {
      spans.push(...inlineSpans(nested, inlineStyle(token.type, style), depth + 1));
    } else {
      spans.push(span('text' in token ? String(token.text) : token.raw, style));
    }
  }
  return spans;
}

function inlineStyle(type: string, style: Style): Style {
  if (type === 'strong') return { ...style, bold: true };
  if (type === 'em') return { ...style, italic: true };
  if (type === 'del') return { ...style, strike: true };
  if (type === 'link') return { ...style, ink: 'link' };
  return style;
}

function headingLines(token: Tokens.Heading, frame: Frame, gap: number): Line[] {
  const size = token.depth === 1 ? 24 : token.depth === 2 ? 21 : 18;
  return textLines(inlineSpans(token.tokens, { size, bold: true, ink: 'text' }), size, frame, gap * 1.4);
}

function listLines(list: Tokens.List, frame: Frame, gap: number): Line[] {
  const lines: Line[] = [];
  const first = typeof list.start === 'number' ? list.start : 1;
  const wide = list.ordered && first + list.items.length > 10 ? kIndent * 1.4 : kIndent;
  list.items.forEach((item, i) => {
    const mark = item.task ? (item.checked === true ? '☑' : '☐') : list.ordered ? `${first + i}.` : frame.depth % 2 === 0 ? '•' : '–';
    const above = i === 0 ? gap : item.loose ? kGap : kGap * 0.35;
    const key = i < list.items.length - 1 ? `${frame.x} ${frame.width} ${wide} ${above} ${frame.depth} ${mark} ${item.raw}` : '';
    const known = key === '' ? undefined : frame.items?.get(key);
    const laid = known ?? itemLines(item, mark, frame, wide, above);
    if (known === undefined && key !== '') frame.items?.set(key, laid);
    lines.push(...laid);
  });
  return lines;
}

function itemLines(item: Tokens.ListItem, mark: string, frame: Frame, indent: number, gap: number): Line[] {
  const inner = { ...frame, x: frame.x + indent, width: frame.width - indent, depth: frame.depth + 1 };
  const body = blockLines(item.tokens, inner, gap);
  const head = body[0] ?? textLines([], kDmm.body, inner, gap)[0];
  if (head === undefined) return [];
  const face = font(kDmm.body);
  const run: Run = { text: mark, font: face, ink: 'muted', x: frame.x, width: frame.measure(mark, face) };
  return [makeLine(head.height, head.baseline, [run, ...head.runs], head.fills), ...body.slice(1)];
}

function codeLines(text: string, frame: Frame, gap: number): Line[] {
  const face = font(kDmm.code, { mono: true });
  const advance = frame.measure('0', face);
  const columns = Math.max(8, Math.floor((frame.width - 2 * kBox) / advance));
  const rows = text.replace(/\t/g, '    ').split('\n').flatMap((row) => wrapCode(row, columns));
  const height = lineHeight(kDmm.code);
  return rows.map((row, i) => {
    const [first, last] = [i === 0, i === rows.length - 1];
    const above = first ? Math.round(gap) : 0;
    const pad = (first ? kBox : 0);
    const total = above + pad + height + (last ? kBox : 0);
    const run: Run = { text: row, font: face, ink: 'text', x: frame.x + kBox, width: advance * row.length };
    const box: Fill = { x: frame.x, y: above, w: frame.width, h: total - above, paper: 'code', radius: 8 * kPixelsPerDmm, top: first, bottom: last };
    const baseline = above + pad + Math.round(height * 0.5 + kDmm.code * kPixelsPerDmm * 0.36);
    return makeLine(total, baseline, row === '' ? [] : [run], [...bars(frame, total), box]);
  });
}

function wrapCode(row: string, columns: number): string[] {
  if (row.length <= columns) return [row];
  const rows: string[] = [];
  const parts = graphemes(row);
  for (let i = 0; i < parts.length; i += columns) rows.push(parts.slice(i, i + columns).join(''));
  return rows;
}

function tableLines(table: Tokens.Table, frame: Frame, gap: number): Line[] {
  const columns = table.header.length;
  const spans = [table.header, ...table.rows].map((row, r) =>
    row.map((cell) => inlineSpans(cell.tokens, { size: kDmm.body, bold: r === 0, ink: 'text' })));
  const widths = columnWidths(spans, columns, frame);
  return spans.flatMap((row, r) => tableRow(row, r, widths, table, frame, r === 0 ? gap : 0));
}

/** What each column would like, shrunk in proportion where the table is wider than its frame. */
function columnWidths(rows: readonly Span[][][], columns: number, frame: Frame): number[] {
  const wanted = Array.from({ length: columns }, (_, c) =>
    2 * kBox + Math.max(20, ...rows.map((row) => sum((row[c] ?? []).map((s) => frame.measure(s.text, s.font))))));
  const total = sum(wanted);
  if (total <= frame.width) return wanted;
  const least = Math.min(frame.width / columns, 60 * kPixelsPerDmm);
  const spare = frame.width - least * columns;
  const above = wanted.map((w) => Math.max(0, w - least));
  return above.map((a) => least + (spare * a) / Math.max(1, sum(above)));
}

function sum(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0);
}

function tableRow(row: readonly Span[][], r: number, widths: readonly number[], table: Tokens.Table, frame: Frame, gap: number): Line[] {
  const cells = widths.map((width, c) => breakLines(row[c] ?? [], Math.max(1, width - 2 * kBox), frame.measure));
  const count = Math.max(...cells.map((cell) => cell.length));
  const lines: Line[] = [];
  for (let i = 0; i < count; i++) {
    const above = i === 0 ? Math.round(gap + kBox / 2) : 0;
    const below = i === count - 1 ? Math.round(kBox / 2) : 0;
    const height = above + lineHeight(kDmm.body) + below;
    const runs = cells.flatMap((cell, c) => alignedCell(cell[i] ?? [], c, widths, table.align[c] ?? null, frame.x));
    const rule: Fill = { x: frame.x, y: height - 2, w: sum(widths), h: r === 0 ? 4 : 2, paper: 'rule' };
    const baseline = above + Math.round(lineHeight(kDmm.body) * 0.5 + kDmm.body * kPixelsPerDmm * 0.36);
    lines.push(makeLine(height, baseline, runs, [...bars(frame, height), ...(below > 0 ? [rule] : [])]));
  }
  return lines;
}

function alignedCell(runs: readonly Run[], column: number, widths: readonly number[], align: string | null, x: number): Run[] {
  const left = x + kBox + sum(widths.slice(0, column));
  const spare = (widths[column] ?? 0) - 2 * kBox - sum(runs.map((run) => run.width));
  return shifted(runs, left + (align === 'right' ? spare : align === 'center' ? spare / 2 : 0));
}

function ruleLine(frame: Frame, gap: number): Line {
  const height = Math.round(gap * 2 + 4);
  return makeLine(height, height, [], [{ x: frame.x, y: Math.round(gap), w: frame.width, h: 3, paper: 'rule' }]);
}

function quoteLines(token: Tokens.Blockquote, frame: Frame, gap: number): Line[] {
  const inner = { ...frame, x: frame.x + kIndent, width: frame.width - kIndent, bars: [...frame.bars, frame.x], depth: frame.depth + 1 };
  return blockLines(token.tokens, inner, gap);
}

function tokenLines(token: Token, frame: Frame, gap: number): Line[] {
  switch (token.type) {
    case 'space': return [];
    case 'heading': return headingLines(token as Tokens.Heading, frame, gap);
    case 'list': return listLines(token as Tokens.List, frame, gap);
    case 'code': return codeLines((token as Tokens.Code).text, frame, gap);
    case 'table': return tableLines(token as Tokens.Table, frame, gap);
    case 'blockquote': return quoteLines(token as Tokens.Blockquote, frame, gap);
    case 'hr': return [ruleLine(frame, gap)];
    case 'def': return textLines([span(token.raw.trim(), { size: kDmm.body, ink: 'muted' })], kDmm.body, frame, gap);
    default: {
      const style: Style = { size: kDmm.body, ink: 'text' };
      const spans = 'tokens' in token && token.tokens !== undefined ? inlineSpans(token.tokens, style) : [span(token.raw.trim(), style)];
      return textLines(spans, kDmm.body, frame, gap);
    }
  }
}

function blockLines(tokens: readonly Token[], frame: Frame, firstGap: number): Line[] {
  if (frame.depth > kMaxDepth || frame.width < 60 * kPixelsPerDmm) {
    const raw = tokens.map((token) => token.raw).join('').trim(); // nested beyond reading: its source, as it is
    return textLines([span(raw, { size: kDmm.body, ink: 'text' })], kDmm.body, { ...frame, width: Math.max(frame.width, 60) }, firstGap);
  }
  const lines: Line[] = [];
  for (const token of tokens) lines.push(...tokenLines(token, frame, lines.length === 0 ? firstGap : kGap));
  return lines;
}

/** Text that defeats the parser (marks nested thousands deep) is shown as it was written. */
function tokensOf(text: string): Token[] {
  try {
    return lexer(text, { gfm: true, breaks: true });
  } catch {
    return [{ type: 'text', raw: text, text }];
  }
}

function frameOf(width: number, measure: Measure): Frame {
  return { x: 0, width, bars: [], depth: 0, measure };
}

/** A whole text at once. */
export function layoutMarkdown(text: string, width: number, measure: Measure, firstGap = 0): Line[] {
  return blockLines(tokensOf(text), frameOf(width, measure), firstGap);
}

/** Text as it is, without Markdown: what the user wrote, errors, hints. */
export function layoutPlain(text: string, width: number, measure: Measure, size: number, ink: Ink, gap = 0): Line[] {
  return textLines([{ text, font: font(size), ink }], size, frameOf(width, measure), gap);
}

/**
 * A reply that grows: blocks that can no longer change are laid out once, only the open end is done again.
 * Lines that come out equal stay the same objects, so that whoever draws can tell what changed.
 */
export class GrowingLayout {
  lines: Line[] = [];
  private text = '';
  private settledChars = 0;
  private settledLines = 0;
  private readonly frame: Frame;

  constructor(width: number, measure: Measure) {
    this.frame = { ...frameOf(width, measure), items: new Map() };
  }

  update(text: string): void {
    if (text === this.text) return;
    if (!text.startsWith(this.text)) this.reset();
    this.text = text;
    const tokens = tokensOf(text.slice(this.settledChars));
    let end = this.settledLines;
    // Blocks settle in order, and only once two more stand behind them: a list or a quote may go on until then. The lexer rewrites
    // some texts (\r\n): where a block is not literally what was received, nothing settles any more.
    let settling = true;
    tokens.forEach((token, i) => {
      end = this.replace(end, tokenLines(token, this.frame, end === 0 ? 0 : kGap));
      settling = settling && i < tokens.length - 2 && text.startsWith(token.raw, this.settledChars);
      if (!settling) return;
      this.settledChars += token.raw.length;
      this.settledLines = end;
      this.frame.items?.clear();
    });
    this.lines.length = end;
  }

  private replace(from: number, fresh: readonly Line[]): number {
    for (const line of fresh) {
      if (from >= kMaxLines) return from;
      if (this.lines[from]?.key !== line.key) this.lines[from] = line;
      from++;
    }
    return from;
  }

  private reset(): void {
    this.settledChars = 0;
    this.settledLines = 0;
    this.lines = [];
    this.frame.items?.clear();
  }
}
