// The conversation as one column of lines, kept in step with the session's turns. Only turns that changed are laid out again, and
// lines that came out equal stay the same objects: that is how the surface knows what to leave alone.

import { GrowingLayout, layoutPlain, makeLine, type Fill, type Line } from './layout';
import type { Measure, Run } from './inline';
import { kDmm, kPixelsPerDmm } from './theme';

export interface ShownTurn {
  id: string;
  role: 'user' | 'assistant';
  text: string;
  error?: string;
  stopped?: boolean;
  cut?: boolean;
}

/** What stands under an answer that did not come to its own end. */
export interface TranscriptNotes {
  stopped: string;
  cut: string;
}

const kTurnGap = 18 * kPixelsPerDmm;
const kBubble = 14 * kPixelsPerDmm;

interface Laid {
  id: string;
  text: string;
  note: string;
  failed: boolean;
  lines: Line[];
  growing?: GrowingLayout;
}

export class Transcript {
  readonly lines: Line[] = [];
  readonly tops: number[] = [];
  end = 0;
  private laid: Laid[] = [];
  private firstLines: number[] = [];

  constructor(private readonly width: number, private readonly measure: Measure, private readonly notes: TranscriptNotes) {}

  /** Gives true when lines changed. */
  update(turns: readonly ShownTurn[]): boolean {
    let changed = turns.length < this.laid.length ? turns.length : -1;
    for (let i = 0; i < turns.length; i++) {
      const turn = turns[i];
      if (turn !== undefined && this.layTurn(i, turn) && changed < 0) changed = i;
    }
    if (changed < 0) return false;
    this.laid.length = turns.length;
    this.join(changed);
    return true;
  }

  private layTurn(index: number, turn: ShownTurn): boolean {
    const old = this.laid[index];
    const note = turn.error ?? (turn.stopped === true ? this.notes.stopped : turn.cut === true ? this.notes.cut : '');
    if (old !== undefined && old.id === turn.id && old.text === turn.text && old.note === note) return false;
    const same = old !== undefined && old.id === turn.id ? old : undefined;
    const laid: Laid = { id: turn.id, text: turn.text, note, failed: turn.error !== undefined, lines: [] };
    if (turn.role === 'user') {
      laid.lines = this.bubble(turn.text);
    } else {
      laid.growing = same?.growing ?? new GrowingLayout(this.width, this.measure);
      laid.growing.update(turn.text);
      laid.lines = laid.growing.lines;
    }
    this.laid[index] = laid;
    return true;
  }

  /** What the user said: to the right, on a tinted ground as wide as its words. */
  private bubble(text: string): Line[] {
    const lines = layoutPlain(text, this.width * 0.8 - 2 * kBubble, this.measure, kDmm.body, 'text');
    const wide = Math.max(...lines.map((line) => Math.max(0, ...line.runs.map((run) => run.x + run.width))));
    const left = this.width - wide - 2 * kBubble;
    return lines.map((line, i) => {
      const [first, last] = [i === 0, i === lines.length - 1];
      const above = first ? kBubble * 0.6 : 0;
      const height = Math.round(line.height + above + (last ? kBubble * 0.6 : 0));
      const fill: Fill = { x: left, y: 0, w: wide + 2 * kBubble, h: height, paper: 'bubble', radius: 16 * kPixelsPerDmm, top: first, bottom: last };
      const runs: Run[] = line.runs.map((run) => ({ ...run, x: run.x + left + kBubble }));
      return makeLine(height, line.baseline + above, runs, [fill]);
    });
  }

  private noteLines(laid: Laid): Line[] {
    if (laid.note === '') return [];
    const ink = laid.failed ? 'danger' : 'muted';
    return layoutPlain(laid.note, this.width, this.measure, kDmm.small, ink, 6 * kPixelsPerDmm);
  }

  private join(from: number): void {
    let index = from === 0 ? 0 : (this.firstLines[from] ?? this.lines.length);
    for (let i = from; i < this.laid.length; i++) {
      const laid = this.laid[i];
      if (laid === undefined) continue;
      this.firstLines[i] = index;
      for (const line of laid.lines) this.put(index++, line);
      for (const line of this.noteLines(laid)) this.put(index++, line);
      this.put(index++, kSeparator);
    }
    this.lines.length = index;
    this.tops.length = index;
    const last = this.lines[index - 1];
    this.end = last === undefined ? 0 : (this.tops[index - 1] ?? 0) + last.height;
  }

  private put(index: number, line: Line): void {
    if (this.lines[index]?.key !== line.key) this.lines[index] = line;
    const before = this.lines[index - 1];
    this.tops[index] = before === undefined ? 0 : (this.tops[index - 1] ?? 0) + before.height;
  }
}

const kSeparator = makeLine(kTurnGap, 0, [], []);
