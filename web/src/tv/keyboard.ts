// The keyboard on the screen: ten columns and four rows, Latin and Hangul with composition, one page of symbols.
// Ten columns that wrap round keep every key within five presses of any other in its row.

import { button, el, iconButton, show } from './dom';
import { eraseKey, typeKey } from '../core/hangul';
import type { Language } from '../core/settings';
import { say } from './strings';

export type Page = 'latin' | 'hangul' | 'symbols';

const kRows: { [page in Page]: [string, string, string] } = {
  latin: ['qwertyuiop', "asdfghjkl'", 'zxcvbnm.?'],
  hangul: ['ㅂㅈㄷㄱㅅㅛㅕㅑㅐㅔ', 'ㅁㄴㅇㄹㅎㅗㅓㅏㅣ,', 'ㅋㅌㅊㅍㅠㅜㅡ.?'],
  symbols: ['1234567890', '+-=/*%@#&"', ':;,.!?()~'],
};
const kShifted: { [letter: string]: string } = { ㅂ: 'ㅃ', ㅈ: 'ㅉ', ㄷ: 'ㄸ', ㄱ: 'ㄲ', ㅅ: 'ㅆ', ㅐ: 'ㅒ', ㅔ: 'ㅖ' };

// The Hangul letter that a plugged-in keyboard has on a Latin key.
function onSameKey(character: string): string {
  const lower = character.toLowerCase();
  for (let row = 0; row < 3; row++) {
    const at = kRows.latin[row as 0 | 1 | 2].indexOf(lower);
    if (at < 0 || !/[a-z]/.test(lower)) continue;
    const letter = kRows.hangul[row as 0 | 1 | 2].charAt(at);
    return lower === character ? letter : (kShifted[letter] ?? letter);
  }
  return character;
}

export class Keyboard {
  readonly root = el('div', { class: 'keyboard', role: 'group' });
  private written = '';
  private page: Page;
  private letters: 'latin' | 'hangul';
  private shifted = false;

  constructor(language: Language, private readonly changed: () => void, private readonly send: () => void) {
    this.letters = language === 'ko' ? 'hangul' : 'latin';
    this.page = this.letters;
    this.draw();
  }

  get text(): string {
    return this.written;
  }

  set(text: string): void {
    this.written = text;
    this.changed();
  }

  type(character: string): void {
    this.written = typeKey(this.written, character);
    if (this.shifted) {
      this.shifted = false;
      this.draw();
    }
    this.changed();
  }

  typeOnRealKeyboard(character: string): void {
    this.type(this.page === 'hangul' ? onSameKey(character) : character);
  }

  erase(): void {
    this.written = eraseKey(this.written);
    this.changed();
  }

  // Drawn anew with the focus on the key in the same place.
  private draw(): void {
    const keys = Array.from(this.root.querySelectorAll('button'));
    const at = keys.indexOf(document.activeElement as HTMLButtonElement);
    const rows = kRows[this.page];
    show(this.root, this.row(rows[0]), this.row(rows[1]), this.row(rows[2], this.shiftKey()), this.lastRow());
    if (at >= 0) this.root.querySelectorAll('button')[at]?.focus({ preventScroll: true });
  }

  private row(characters: string, first?: HTMLElement): HTMLElement {
    const keys = Array.from(characters).map((character) => {
      const shown = this.shifted ? (kShifted[character] ?? character.toUpperCase()) : character;
      return button(shown, () => this.type(shown), { class: 'key' });
    });
    return el('div', { class: 'keys' }, first, ...keys);
  }

  // The symbols need no shift; there the place holds one more of them.
  private shiftKey(): HTMLElement {
    if (this.page === 'symbols') return button('_', () => this.type('_'), { class: 'key' });
    const toggle = () => {
      this.shifted = !this.shifted;
      this.draw();
    };
    return iconButton('shift', say('compose.shift'), toggle, { class: 'key', 'aria-pressed': String(this.shifted) });
  }

  private lastRow(): HTMLElement {
    const turn = (page: Page) => () => {
      this.page = page;
      this.shifted = false;
      this.draw();
    };
    const symbols = this.page === 'symbols';
    const other = this.letters === 'latin' ? 'hangul' : 'latin';
    const changeLetters = () => {
      this.letters = other;
      turn(other)();
    };
    return el('div', { class: 'keys' },
      button(symbols ? (this.letters === 'hangul' ? '가나' : 'abc') : '123', turn(symbols ? this.letters : 'symbols'), { class: 'key' }),
      button(other === 'hangul' ? '한' : 'EN', changeLetters, { class: 'key' }),
      iconButton('space', say('compose.space'), () => this.type(' '), { class: 'key key-4' }),
      iconButton('erase', say('compose.erase'), () => this.erase(), { class: 'key key-2' }),
      button(say('compose.send'), this.send, { class: 'key key-2 primary' }));
  }
}
