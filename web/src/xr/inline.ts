// Line breaking: styled text in, lines of positioned runs out. Pure apart from `measure`, so that tests can give it a fixed-width
// font. Everything here is in canvas pixels. Breaks follow spaces for scripts that use them (Hangul too: Korean reads better whole
// word by whole word), word boundaries of Intl.Segmenter for Han, kana and Thai, and graphemes where one word is wider than the line.

import type { Ink } from './theme';

export type Measure = (text: string, font: string) => number;

export interface Span {
  text: string; // '\n' breaks the line
  font: string;
  ink: Ink;
  fill?: boolean; // a tinted ground, as inline code has
  strike?: boolean;
}

export interface Run extends Span {
  x: number;
  width: number;
}

interface Piece {
  text: string;
  span: Span;
  width: number;
  space: boolean;
  opens: boolean; // a line may begin here
}

const kWordless = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u;
const kClosing = /^[\p{Pe}\p{Pf}\p{Po}ー々ぁぃぅぇぉっゃゅょァィゥェォッャュョ]/u;
const kOpening = /[\p{Ps}\p{Pi}]$/u;
const kAscii = /^[\x20-\x7e]*$/;
const kWords = new Intl.Segmenter(undefined, { granularity: 'word' });
const kGraphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' });

export function graphemes(text: string): string[] {
  return Array.from(kGraphemes.segment(text), (part) => part.segment);
}

function words(text: string): string[] {
  if (kAscii.test(text)) return text.match(/ +|[^ ]+/g) ?? []; // most of what streams, several times faster
  return Array.from(kWords.segment(text), (part) => part.segment);
}

function mayBreak(before: string, after: string): boolean {
  if (/\s$/.test(before)) return true;
  if (/^\s/.test(after)) return false;
  if (/[-–—/]$/.test(before)) return !/^[\d\p{P}]/u.test(after);
  if (!kWordless.test(before.slice(-1)) && !kWordless.test(after.slice(0, 1))) return false;
  return !kClosing.test(after) && !kOpening.test(before);
}

function cut(spans: readonly Span[], measure: Measure): Piece[] {
  const pieces: Piece[] = [];
  let before = ' ';
  for (const span of spans) {
    for (const paragraph of span.text.split(/(\n)/)) {
      if (paragraph === '') continue;
      for (const text of paragraph === '\n' ? ['\n'] : words(paragraph)) {
        const space = text !== '\n' && text.trim() === '';
        pieces.push({ text, span, width: text === '\n' ? 0 : measure(text, span.font), space, opens: mayBreak(before, text) });
        before = text;
      }
    }
  }
  return pieces;
}

/** Pieces that stay together: up to the next place where a line may begin. */
function unitEnd(pieces: readonly Piece[], from: number): number {
  let end = from + 1;
  while (end < pieces.length && pieces[end]?.opens === false && pieces[end]?.text !== '\n') end++;
  return end;
}

class LineFiller {
  readonly lines: Run[][] = [];
  private line: Run[] = [];
  private x = 0;

  constructor(private readonly width: number, private readonly measure: Measure) {}

  breakLine(): void {
    const last = this.line[this.line.length - 1];
    if (last !== undefined && last.text.endsWith(' ')) {
      last.text = last.text.trimEnd();
      last.width = this.measure(last.text, last.font);
    }
    this.lines.push(this.line);
    this.line = [];
    this.x = 0;
  }

  place(unit: readonly Piece[]): void {
    let width = 0;
    for (const piece of unit) if (!piece.space) width += piece.width;
    if (this.x > 0 && this.x + width > this.width) this.breakLine();
    const first = unit[0];
    if (this.x === 0 && first?.space === true && this.lines.length > 0) return; // no line begins with the space that broke it
    if (width > this.width) for (const piece of unit) this.placeByGrapheme(piece);
    else for (const piece of unit) this.append(piece.text, piece.span, piece.width);
  }

  finish(): Run[][] {
    this.breakLine();
    return this.lines;
  }

  private placeByGrapheme(piece: Piece): void {
    for (const text of graphemes(piece.text)) {
      const width = this.measure(text, piece.span.font);
      if (this.x > 0 && this.x + width > this.width) this.breakLine();
      this.append(text, piece.span, width);
    }
  }

  private append(text: string, span: Span, width: number): void {
    const last = this.line[this.line.length - 1];
    if (last !== undefined && last.font === span.font && last.ink === span.ink && last.fill === span.fill && last.strike === span.strike) {
      last.text += text;
      last.width += width;
    } else {
      this.line.push({ ...span, text, x: this.x, width });
    }
    this.x += width;
  }
}

/** At least one line, the last may be empty. No run reaches beyond `width` unless one grapheme alone is wider. */
export function breakLines(spans: readonly Span[], width: number, measure: Measure): Run[][] {
  const pieces = cut(spans, measure);
  const filler = new LineFiller(width, measure);
  for (let i = 0; i < pieces.length; ) {
    if (pieces[i]?.text === '\n') {
      filler.breakLine();
      i++;
      continue;
    }
    const end = unitEnd(pieces, i);
    filler.place(pieces.slice(i, end));
    i = end;
  }
  return filler.finish();
}
