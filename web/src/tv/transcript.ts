// What was said, newest at the bottom. While an answer grows only its own element is drawn, at most some times a
// second, and the end stays in sight unless the reader has scrolled away from it.

import type { ChatSession, Turn } from '../core/session';
import { el, show } from './dom';
import { showRichText } from './rich_text';
import { say } from './strings';

const kRedrawMs = 80;
const kNearEnd = 80;  // pixels

export class Transcript {
  readonly root = el('section', { class: 'transcript', tabindex: '0', 'data-focus': true, 'data-scroll': true });
  private timer: number | undefined;

  constructor(private readonly session: ChatSession) {}

  draw(): void {
    this.root.setAttribute('aria-label', say('chat.transcript'));
    const follow = this.isNearEnd();
    show(this.root, ...this.session.turns.map((turn) => this.element(turn)));
    if (follow) this.toEnd();
  }

  // The last turn got more text.
  grow(): void {
    if (this.timer !== undefined) return;
    this.timer = window.setTimeout(() => {
      this.timer = undefined;
      const turn = this.session.turns[this.session.turns.length - 1];
      const last = this.root.lastElementChild;
      if (!turn || !last) return;
      const follow = this.isNearEnd();
      this.root.replaceChild(this.element(turn), last);
      if (follow) this.toEnd();
    }, kRedrawMs);
  }

  page(by: 1 | -1): void {
    this.root.scrollTop += by * 0.8 * this.root.clientHeight;
  }

  private isNearEnd(): boolean {
    return this.root.scrollHeight - this.root.scrollTop - this.root.clientHeight < kNearEnd;
  }

  private toEnd(): void {
    this.root.scrollTop = this.root.scrollHeight;
  }

  private element(turn: Turn): HTMLElement {
    if (turn.role === 'user') return el('div', { class: 'turn question' }, turn.text);
    const body = el('div', { class: 'text' });
    if (turn.text) showRichText(body, turn.text);
    else if (!turn.error && !turn.stopped) show(body, el('p', { class: 'muted thinking' }, say('chat.thinking')));
    return el('div', { class: 'turn answer' }, body, this.footnote(turn));
  }

  private footnote(turn: Turn): HTMLElement | undefined {
    if (turn.error) return el('p', { class: 'failure', role: 'alert' }, say('chat.failed'));
    const parts: string[] = [];
    if (turn.stopped) parts.push(say('chat.stopped'));
    if (turn.timing && turn.timing.tokensPerSecond > 0) {
      parts.push(say('chat.timing', { rate: turn.timing.tokensPerSecond.toFixed(1), first: (turn.timing.firstTokenMs / 1000).toFixed(2) }));
    }
    return parts.length > 0 ? el('p', { class: 'footnote muted' }, parts.join(' · ')) : undefined;
  }
}
