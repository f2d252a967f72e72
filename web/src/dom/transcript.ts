// The conversation on the page. Keeps one TurnView for each turn of the branch; text that streams is shown at most once a
// frame. The view follows the end of the text only while the reader is there.

import { language } from '../core/i18n/index';
import type { Change } from '../core/session';
import { speak } from '../core/voice';
import type { App } from './app';
import { h, replaceChildren } from './elements';
import { icon, mark } from './icons';
import { t } from './texts';
import { TurnView } from './turn_view';

const kNearEndPx = 64;

export class Transcript {
  readonly element: HTMLElement;
  private readonly list = h('div', { class: 'turns' });
  private readonly toEnd: HTMLButtonElement;
  private views: TurnView[] = [];
  private following = true;
  private frame = 0;
  private answering = false;

  constructor(
    private readonly app: App,
    private readonly onStarter: (text: string) => void,
  ) {
    this.toEnd = h('button', { type: 'button', class: 'to-end', 'aria-label': t('toEnd'), title: t('toEnd'), hidden: true, onclick: () => this.scrollToEnd(true) }, icon('down'));
    this.element = h('div', { class: 'transcript', tabindex: '-1' }, this.list);
    this.element.addEventListener('scroll', () => this.onScroll(), { passive: true });
    new ResizeObserver(() => this.follow()).observe(this.list);
    app.own(app.session.on((change) => this.onChange(change)));
    this.showTurns();
  }

  get toEndButton(): HTMLElement {
    return this.toEnd;
  }

  // Moves the focus to the next message up or down.
  moveFocus(delta: 1 | -1): void {
    const at = this.views.findIndex((view) => view.element.contains(document.activeElement));
    const to = at < 0 ? this.views.length - 1 : at + delta;
    const view = this.views[Math.max(0, to)];
    view?.element.focus();
    view?.element.scrollIntoView({ block: 'nearest' });
  }

  private onChange(change: Change): void {
    if (change.type === 'text') {
      this.frame ||= requestAnimationFrame(() => this.showText());
    } else {
      this.showTurns();
      this.onPhase();
    }
  }

  private showText(): void {
    this.frame = 0;
    const turns = this.app.session.turns;
    const last = turns[turns.length - 1];
    const view = this.views[this.views.length - 1];
    if (!last || view?.id !== last.id) return;
    view.updateText(last.text);
    this.follow();
  }

  private onPhase(): void {
    const { session, settings } = this.app;
    if (session.busy === this.answering) return;
    this.answering = session.busy;
    this.app.announce(session.busy ? t('answering') : t('answerReady'));
    if (session.busy) return this.scrollToEnd();
    const last = session.turns[session.turns.length - 1];
    if (settings.readAloud && last?.role === 'assistant' && !last.error && !last.stopped) speak(last.text, language());
  }

  // Views of turns that stay are kept: their nodes, selection and scroll positions too.
  private showTurns(): void {
    const turns = this.app.session.turns;
    const hadFocus = this.list.contains(document.activeElement);
    const known = new Map(this.views.map((view) => [view.id, view]));
    const sameStart = this.views.length > 0 && this.views[0]?.id === turns[0]?.id;
    this.views = turns.map((turn) => {
      const view = known.get(turn.id);
      view?.show(turn);
      return view ?? new TurnView(this.app, turn);
    });
    if (turns.length === 0) {
      replaceChildren(this.list, this.emptyState());
    } else {
      this.list.querySelector('.empty')?.remove();
      this.placeViews(hadFocus);
    }
    if (!sameStart) this.scrollToEnd();
  }

  private placeViews(hadFocus: boolean): void {
    const wanted = new Set<Element>(this.views.map((view) => view.element));
    for (const child of Array.from(this.list.children)) if (!wanted.has(child)) child.remove();
    this.views.forEach(({ element }, i) => {
      if (this.list.children[i] !== element) this.list.insertBefore(element, this.list.children[i] ?? null);
    });
    // What had the focus is gone: a button that was used, or a message that was replaced by its sibling.
    if (hadFocus && !this.list.contains(document.activeElement)) this.views[this.views.length - 1]?.element.focus({ preventScroll: true });
  }

  private emptyState(): HTMLElement {
    const starters = (['starterExplain', 'starterWrite', 'starterPlan', 'starterCode'] as const).map((key) =>
      h('button', { type: 'button', class: 'starter', onclick: () => this.onStarter(t(key)) }, t(key)),
    );
    return h('div', { class: 'empty' }, mark(), h('h1', {}, t('greeting')), h('div', { class: 'starters' }, ...starters));
  }

  private onScroll(): void {
    const { scrollHeight, scrollTop, clientHeight } = this.element;
    this.following = scrollHeight - scrollTop - clientHeight < kNearEndPx;
    this.toEnd.hidden = this.following || this.views.length === 0;
  }

  private follow(): void {
    if (this.following) this.element.scrollTop = this.element.scrollHeight;
    else this.onScroll();
  }

  private scrollToEnd(smooth = false): void {
    this.following = true;
    this.toEnd.hidden = true;
    const calm = matchMedia('(prefers-reduced-motion: reduce)').matches;
    if (smooth && !calm) this.element.scrollTo({ top: this.element.scrollHeight, behavior: 'smooth' });
    else this.element.scrollTop = this.element.scrollHeight;
  }
}
