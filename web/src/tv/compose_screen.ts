// Writing a question with the remote: what is written on top, what could be asked below it, then the keyboard.

import type { App } from './app';
import { button, el, frame, show } from './dom';
import { Keyboard } from './keyboard';
import type { RemoteKey } from './remote';
import type { Screen } from './screens';
import { say, starters } from './strings';

const kSuggestions = 3;

export class ComposeScreen implements Screen {
  readonly name = 'compose';
  readonly root: HTMLElement;
  private readonly line = el('div', { class: 'line', role: 'status' });
  private readonly suggestions = el('div', { class: 'suggestions' });
  private readonly keyboard: Keyboard;

  constructor(private readonly app: App, private readonly send: (text: string) => void) {
    this.keyboard = new Keyboard(app.settings.language, () => this.draw(), () => this.submit());
    this.root = frame('compose', say('compose.title'), this.line, this.suggestions, this.keyboard.root);
    this.root.querySelectorAll('.key')[10]?.setAttribute('data-first', '');  // the first key of the middle row
    this.draw();
  }

  text(character: string): boolean {
    this.keyboard.typeOnRealKeyboard(character);
    return true;
  }

  key(key: RemoteKey): boolean {
    if (key !== 'erase') return false;
    this.keyboard.erase();
    return true;
  }

  private submit(): void {
    const text = this.keyboard.text.trim();
    if (text) this.ask(text);
  }

  private ask(text: string): void {
    this.app.screens.close(this);
    this.send(text);
  }

  private draw(): void {
    const text = this.keyboard.text;
    show(this.line, text ? el('span', {}, text) : el('span', { class: 'muted' }, say('compose.empty')), el('span', { class: 'caret' }));
    this.line.scrollTop = this.line.scrollHeight;
    this.drawSuggestions(text);
  }

  // What begins or goes on as typed; all of them while nothing fits. The buttons stay the same elements, so that
  // the focus can rest on one.
  private drawSuggestions(text: string): void {
    const typed = text.trim().toLowerCase();
    const fitting = starters().filter((starter) => starter.toLowerCase().indexOf(typed) >= 0);
    const shown = (fitting.length > 0 ? fitting : starters()).slice(0, kSuggestions);
    const labels = Array.from(this.suggestions.querySelectorAll('.label')).map((label) => label.textContent);
    if (labels.join('\n') === shown.join('\n')) return;
    show(this.suggestions, ...shown.map((starter) => button(starter, () => this.ask(starter))));
  }
}
