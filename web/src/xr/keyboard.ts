// The keyboard that the headset draws itself, where the browser has none to offer: Latin, Hangul (two-set layout), and symbols.
// It edits a text whose caret is at its end; composition is core/hangul.ts. Every key is a full target (kDmm.target).

import { Board } from './board';
import { eraseKey, typeKey } from '../core/hangul';
import type { Painter } from './surface';
import type { HeadsetStrings } from './strings';
import { kDmm, type Palette } from './theme';
import { makeWidget, setWidget, type Rect, type Widget, type WidgetInit } from './widgets';

type Page = 'latin' | 'latinShift' | 'hangul' | 'hangulShift' | 'symbols' | 'symbolsShift';

const kPages: Record<Page, readonly [string, string, string]> = {
  latin: ['qwertyuiop', 'asdfghjkl', 'zxcvbnm'],
  latinShift: ['QWERTYUIOP', 'ASDFGHJKL', 'ZXCVBNM'],
  hangul: ['ㅂㅈㄷㄱㅅㅛㅕㅑㅐㅔ', 'ㅁㄴㅇㄹㅎㅗㅓㅏㅣ', 'ㅋㅌㅊㅍㅠㅜㅡ'],
  hangulShift: ['ㅃㅉㄸㄲㅆㅛㅕㅑㅒㅖ', 'ㅁㄴㅇㄹㅎㅗㅓㅏㅣ', 'ㅋㅌㅊㅍㅠㅜㅡ'],
  symbols: ['1234567890', '@#$%&-+()', '*"\':;!?'],
  symbolsShift: ['~`|·√π÷×{}', '₩€£^°=[]\\', '<>_§…–•'],
};
const kShifted: Record<Page, Page> = {
  latin: 'latinShift', latinShift: 'latin', hangul: 'hangulShift', hangulShift: 'hangul', symbols: 'symbolsShift', symbolsShift: 'symbols',
};
const kPitch = 55;
const kKey = kDmm.target;
const kPad = 16;
const kDraftHeight = 54;

export interface KeyboardActions {
  changed(text: string): void;
  enter(): void;
  close(): void;
}

export class Keyboard {
  readonly board: Board;
  private page: Page;
  private script: 'latin' | 'hangul';
  private text = '';
  private readonly keys: { widget: Widget; row: number; column: number }[] = [];

  constructor(painter: Painter, palette: Palette, strings: HeadsetStrings, language: 'en' | 'ko', private readonly actions: KeyboardActions) {
    this.script = language === 'ko' ? 'hangul' : 'latin';
    this.page = this.script;
    const width = 2 * kPad + 10 * kPitch - (kPitch - kKey);
    const height = 2 * kPad + kDraftHeight + kDmm.gap + 4 * kPitch - (kPitch - kKey);
    this.board = new Board('keyboard', painter, palette, width, height);
    this.board.widgets = [this.draftField(), ...this.letters(), ...this.controls(strings)];
    this.board.group.visible = false;
    this.label();
    this.board.wipe();
  }

  open(text: string): void {
    this.text = text;
    this.board.group.visible = true;
    this.showDraft();
  }

  hide(): void {
    this.board.group.visible = false;
  }

  /** The text changed elsewhere (it was sent, or spoken). */
  setText(text: string): void {
    if (text === this.text) return;
    this.text = text;
    this.showDraft();
  }

  private draftField(): Widget {
    return makeWidget({ id: 'key:draft', look: 'draft', rect: { x: kPad + 6, y: kPad, w: this.board.width - 2 * kPad - 12, h: kDraftHeight } });
  }

  private letters(): Widget[] {
    kPages.latin.forEach((letters, row) => {
      for (let column = 0; column < letters.length; column++) {
        const x = column + (row === 1 ? 0.5 : row === 2 ? 1.5 : 0);
        const key = { row, column, widget: this.key({ id: `key:${row}${column}`, rect: this.place(row, x, 1), press: () => this.press(row, column) }) };
        this.keys.push(key);
      }
    });
    return this.keys.map((key) => key.widget);
  }

  private controls(strings: HeadsetStrings): Widget[] {
    const { actions } = this;
    return [
      this.key({ id: 'key:shift', icon: 'shift', rect: this.place(2, 0, 1.5), press: () => this.turn(kShifted[this.page]) }),
      this.key({ id: 'key:erase', icon: 'erase', repeats: true, rect: this.place(2, 8.5, 1.5), press: () => this.edit(eraseKey(this.text)) }),
      this.key({ id: 'key:symbols', label: '?12', size: kDmm.body, rect: this.place(3, 0, 1.25), press: () => this.turn(this.page.startsWith('symbols') ? this.script : 'symbols') }),
      this.key({ id: 'key:script', label: '한/A', size: kDmm.body, rect: this.place(3, 1.25, 1.25), press: () => this.switchScript() }),
      this.key({ id: 'key:comma', label: ',', rect: this.place(3, 2.5, 1), press: () => this.edit(`${this.text},`) }),
      this.key({ id: 'key:space', label: strings.space, size: kDmm.small, rect: this.place(3, 3.5, 3), press: () => this.edit(`${this.text} `) }),
      this.key({ id: 'key:period', label: '.', rect: this.place(3, 6.5, 1), press: () => this.edit(`${this.text}.`) }),
      this.key({ id: 'key:close', icon: 'close', rect: this.place(3, 7.5, 1), press: actions.close }),
      this.key({ id: 'key:enter', icon: 'enter', look: 'primary', rect: this.place(3, 8.5, 1.5), press: actions.enter }),
    ];
  }

  private key(init: WidgetInit): Widget {
    return makeWidget({ look: 'key', size: 20, ...init });
  }

  private place(row: number, column: number, wide: number): Rect {
    const top = kPad + kDraftHeight + kDmm.gap;
    return { x: kPad + column * kPitch, y: top + row * kPitch, w: wide * kPitch - (kPitch - kKey), h: kKey };
  }

  private press(row: number, column: number): void {
    const key = kPages[this.page][row]?.charAt(column) ?? '';
    this.edit(typeKey(this.text, key));
    if (this.page === 'latinShift' || this.page === 'hangulShift') this.turn(kShifted[this.page]); // shift holds for one letter
  }

  private edit(text: string): void {
    this.text = text;
    this.showDraft();
    this.actions.changed(text);
  }

  private switchScript(): void {
    this.script = this.script === 'latin' ? 'hangul' : 'latin';
    this.turn(this.script);
  }

  private turn(page: Page): void {
    this.page = page;
    this.label();
  }

  private label(): void {
    for (const { widget, row, column } of this.keys) setWidget(widget, { label: kPages[this.page][row]?.charAt(column) ?? '' });
    for (const widget of this.board.widgets) {
      if (widget.id === 'key:shift') setWidget(widget, { active: this.page.endsWith('Shift') });
      if (widget.id === 'key:symbols') setWidget(widget, { label: this.page.startsWith('symbols') ? (this.script === 'hangul' ? '가나' : 'abc') : '?12' });
    }
  }

  private showDraft(): void {
    const draft = this.board.widgets[0];
    if (draft !== undefined) setWidget(draft, { label: `${this.text}▏` });
  }
}
