// Captions: the last two lines of what is being said, while one looks away from the panel or has scrolled up in it. They stand in the
// room below the gaze, and move only when the head has turned away from them.

import { Board } from './board';
import { breakLines, type Measure } from './inline';
import { angleFromGaze, placeCaptions, type Head } from './placement';
import type { Painter } from './surface';
import { font, kPixelsPerDmm, type Palette } from './theme';
import { makeWidget, setWidget, type Widget } from './widgets';
import { spokenText } from '../core/voice';

const kSize = 21;
const kTooFar = (26 * Math.PI) / 180;
const kLingerSeconds = 5; // after the last word

export class Captions {
  readonly board: Board;
  private readonly rows: [Widget, Widget];
  private idle = Infinity;
  private words = '';
  private shown = '';

  constructor(painter: Painter, palette: Palette, private readonly measure: Measure) {
    this.board = new Board('captions', painter, palette, 600, 108);
    const row = (id: string, y: number): Widget => makeWidget({ id, look: 'title', size: kSize, rect: { x: 26, y, w: 548, h: 36 } });
    this.rows = [row('caption1', 17), row('caption2', 55)];
    this.board.widgets = [...this.rows];
    this.board.group.visible = false;
    this.board.wipe();
  }

  /** New words of the answer. */
  say(markdown: string): void {
    this.idle = 0;
    this.words = markdown;
  }

  /** `wanted`: switched on, and the panel does not show the newest words to these eyes. */
  update(wanted: boolean, head: Head, seconds: number): void {
    this.idle += seconds;
    const show = wanted && this.idle < kLingerSeconds;
    if (show && (!this.board.visible || angleFromGaze(this.board, head) > kTooFar)) placeCaptions(this.board, head);
    if (show && this.words !== this.shown) this.lay(this.words);
    this.board.group.visible = show;
  }

  private lay(markdown: string): void {
    this.shown = markdown;
    const words = markdown.slice(-400).replace(/^[\s|:-]+$/gm, ' '); // a table's ruling says nothing
    const text = spokenText(words).replace(/\s+/g, ' ');
    const lines = breakLines([{ text, font: font(kSize, { bold: true }), ink: 'text' }], 540 * kPixelsPerDmm, this.measure);
    const last = lines.slice(-2).map((runs) => runs.map((run) => run.text).join(''));
    setWidget(this.rows[0], { label: last.length > 1 ? (last[0] ?? '') : '' });
    setWidget(this.rows[1], { label: last[last.length - 1] ?? '' });
  }
}
