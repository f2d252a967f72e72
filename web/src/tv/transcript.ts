// What was said, newest at the bottom. While an answer grows only its own element is drawn, at most some times a
// second, and the end stays in sight unless the reader has scrolled away from it. A screen that is not shown has no
// scroll position in the browser, so it is kept here.

import type { ChatSession, Turn } from '../core/session';
import { el, show } from './dom';
import { showRichText } from './rich_text';
import { say } from './strings';

const kRedrawMs = 80;
const kNearEnd = 80;  // pixels

export class Transcript {
  readonly root = el('section', { class: 'transcript', tabindex: '0', 'data-focus': true, 'data-scroll': true });
  private timer: number | undefined;
  private follows = true;
  private top = 0;

  constructor(private readonly session: ChatSession) {
    this.root.addEventListener('scroll', () => {
      this.top = this.root.scrollTop;
      this.follows = this.root.scrollHeight - this.top - this.root.clientHeight < kNearEnd;
    });
  }

  draw(): void {
    const { turns } = this.session;
    if (turns.length !== this.root.childElementCount) this.follows = true;  // another question, or conversation
    this.root.setAttribute('aria-label', say('chat.transcript'));
    show(this.root, ...turns.map((turn) => this.element(turn)));
    this.settle();
  }

  // Scrolls to where the reader is: at the end or, while another screen was shown, where it was left.
  settle(): void {
    this.root.scrollTop = this.follows ? this.root.scrollHeight : this.top;
  }

  // The last turn got more text.
  grow(): void {
    if (this.timer !== undefined) return;
    this.timer = window.setTimeout(() => {
      this.timer = undefined;
      const turn = this.session.turns[this.session.turns.length - 1];
      const last = this.root.lastElementChild;
      if (!turn || !last) return;
      this.root.replaceChild(this.element(turn), last);
      this.settle();
    }, kRedrawMs);
  }

  page(by: 1 | -1): void {
    this.root.scrollTop += by * 0.8 * this.root.clientHeight;
  }

  private element(turn: Turn): HTMLElement {
    if (turn.role === 'user') return el('div', { class: 'turn question' }, turn.text);
    const body = el('div', { class: 'text' });
    if (turn.text) showRichText(body, turn.text);
    else if (!turn.error && !turn.stopped) show(body, el('p', { class: 'muted thinking' }, say('chat.thinking')));
    return el('div', { class: 'turn answer' }, body, this.footnote(turn));
  }

  private footnote(turn: Turn): HTMLElement | undefined {
    if (turn.error) return el('p', { class: 'failure', role: 'alert' }, say(`chat.failed.${this.session.failure?.kind ?? 'refused'}` as const));
    const parts: string[] = [];
    if (turn.stopped) parts.push(say('chat.stopped'));
    if (turn.cut) parts.push(say('chat.cut'));
    if (turn.timing && turn.timing.tokensPerSecond > 0) {
      parts.push(say('chat.timing', { rate: turn.timing.tokensPerSecond.toFixed(1), first: (turn.timing.firstTokenMs / 1000).toFixed(2) }));
    }
    return parts.length > 0 ? el('p', { class: 'footnote muted' }, parts.join(' · ')) : undefined;
  }
}
