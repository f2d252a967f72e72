// A grid of cards that never scrolls: what does not fit is on the next page, so that everything on it is a few
// presses away.

import { button, el, show } from './dom';
import { say } from './strings';

const kCards = 6;

export class Pages {
  readonly root = el('div', { class: 'cards' });
  readonly row = el('div', { class: 'row' });
  private page = 0;
  private cards: (() => HTMLElement)[] = [];

  // `before` makes the buttons that stand before those that turn pages; `drawn` is told after each drawing.
  constructor(
    private readonly before: () => HTMLElement[],
    private readonly drawn: () => void,
  ) {}

  fill(cards: (() => HTMLElement)[]): void {
    this.cards = cards;
    this.page = Math.min(this.page, this.pages - 1);
    this.draw();
  }

  private get pages(): number {
    return Math.max(1, Math.ceil(this.cards.length / kCards));
  }

  private turn(by: number): void {
    this.page = Math.max(0, Math.min(this.pages - 1, this.page + by));
    this.draw();
  }

  private draw(): void {
    const start = this.page * kCards;
    show(this.root, ...this.cards.slice(start, start + kCards).map((make) => make()));
    show(this.row, ...this.before());
    if (this.pages > 1) this.row.appendChild(el('span', { class: 'muted', role: 'status' }, say('page.of', { page: this.page + 1, pages: this.pages })));
    if (this.page > 0) this.row.appendChild(button(say('page.previous'), () => this.turn(-1), { icon: 'previous' }));
    if (this.page + 1 < this.pages) this.row.appendChild(button(say('page.next'), () => this.turn(1), { icon: 'next' }));
    this.drawn();
  }
}
