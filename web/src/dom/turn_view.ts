// One message of the transcript: its text, and below it what can be done with it.
// Made anew when the branch changes; while an answer streams only its text is updated.

import { MarkdownView } from '../core/markdown';
import type { Turn } from '../core/session';
import { speak } from '../core/voice';
import { language } from '../core/i18n/index';
import type { App } from './app';
import { copyText, kAnswerOptions } from './enhance';
import { h, iconButton, replaceChildren, type Child } from './elements';
import { bytes, number } from './format';
import { icon, mark } from './icons';
import { t } from './texts';

export class TurnView {
  readonly element: HTMLElement;
  private readonly body = h('div', { class: 'turn-body' });
  private readonly foot = h('div', { class: 'turn-foot' });
  private readonly markdown?: MarkdownView;
  private footShown = '';
  private stopReading?: () => void;

  constructor(
    private readonly app: App,
    private turn: Turn,
  ) {
    const mine = turn.role === 'user';
    this.element = h('article', {
      class: `turn ${mine ? 'question' : 'answer'}`,
      'aria-label': mine ? t('you') : t('assistant'),
      'data-turn': turn.id,
      tabindex: '-1',
    });
    this.element.addEventListener('keydown', (event) => this.onKey(event));
    if (mine) {
      this.element.append(...this.attachmentChips(), this.body, this.foot);
      this.body.append(turn.text);
      this.body.hidden = turn.text === '';
    } else {
      this.markdown = new MarkdownView(this.body, kAnswerOptions);
      this.element.append(h('div', { class: 'turn-mark' }, mark()), this.body, this.foot);
      this.markdown.update(turn.text);
    }
    this.showFoot();
  }

  get id(): string {
    return this.turn.id;
  }

  // The turn again: its state may be another, its text may have grown.
  show(turn: Turn): void {
    this.turn = turn;
    this.markdown?.update(turn.text);
    this.showFoot();
  }

  updateText(text: string): void {
    if (this.foot.querySelector('.thinking')) this.showFoot();
    this.markdown?.update(text);
  }

  private get answering(): boolean {
    const { session } = this.app;
    return session.busy && session.turns[session.turns.length - 1]?.id === this.turn.id;
  }

  private showFoot(): void {
    const { turn } = this;
    const waiting = this.answering && this.app.session.phase === 'waiting';
    const { text: _, ...state } = turn;
    const shown = JSON.stringify([this.answering, waiting, state, this.app.session.failure]);
    if (shown === this.footShown) return; // a button that has the focus keeps it
    this.footShown = shown;
    this.element.classList.toggle('answering', this.answering);
    if (this.answering) {
      replaceChildren(this.foot, waiting && h('span', { class: 'thinking' }, t('thinking'), h('i'), h('i'), h('i')));
      return;
    }
    replaceChildren(this.foot,
      turn.error !== undefined && h('p', { class: 'turn-error', role: 'alert' }, this.errorText()),
      turn.error === undefined && turn.stopped && h('p', { class: 'turn-stopped' }, t('stoppedHere')),
      turn.error === undefined && turn.cut && h('p', { class: 'turn-stopped' }, t('cutHere')),
      h('div', { class: 'turn-actions' }, ...this.siblingArrows(), ...this.actions(), ...this.figures()),
    );
  }

  private errorText(): string {
    const failure = this.app.session.failure;
    if (failure?.message !== this.turn.error) return t('failureRefused', { message: this.turn.error ?? '' });
    if (failure?.kind === 'busy' && failure.retryAfter !== undefined) return t('busyWait', { n: Math.ceil(failure.retryAfter) });
    switch (failure?.kind) {
      case 'away': return t('failureAway');
      case 'locked': return t('failureLocked');
      case 'busy': return t('failureBusy');
      default: return t('failureRefused', { message: this.turn.error ?? '' });
    }
  }

  private siblingArrows(): Child[] {
    const { turn } = this;
    if (turn.siblings < 2) return [];
    const step = (delta: 1 | -1) => () => this.app.session.showSibling(turn.id, delta);
    return [
      h('span', { class: 'siblings' },
        iconButton(icon('left'), t('previousVersion'), step(-1), { disabled: turn.sibling === 0 }),
        h('span', { title: t('versionOf', { n: turn.sibling + 1, all: turn.siblings }) }, `${turn.sibling + 1}/${turn.siblings}`),
        iconButton(icon('right'), t('nextVersion'), step(1), { disabled: turn.sibling === turn.siblings - 1 }),
      ),
    ];
  }

  private actions(): Child[] {
    const copy: HTMLButtonElement = iconButton(icon('copy'), t('copy'), () => void this.copy(copy));
    if (this.turn.role === 'user') return [iconButton(icon('pencil'), t('edit'), () => this.edit()), copy];
    const failed = this.turn.error !== undefined;
    return [
      failed && h('button', { type: 'button', class: 'button small primary', onclick: () => void this.app.session.retry() }, icon('again'), t('retry')),
      !failed && iconButton(icon('again'), t('regenerate'), () => void this.app.session.regenerate(this.turn.id)),
      this.turn.text !== '' && copy,
      this.turn.text !== '' && this.speakButton(),
    ];
  }

  private figures(): Child[] {
    const timing = this.turn.timing;
    if (!timing) return [];
    const parts = [t('firstToken', { ms: number(timing.firstTokenMs) }), t('tokens', { n: number(timing.tokens) })];
    if (timing.tokensPerSecond > 0) parts.unshift(t('speed', { speed: number(timing.tokensPerSecond, 1) }));
    return [h('span', { class: 'figures' }, parts.join(' · '))];
  }

  private speakButton(): Child {
    if (typeof speechSynthesis === 'undefined' || speechSynthesis.getVoices().length === 0) return undefined;
    const button: HTMLButtonElement = iconButton(icon('speaker'), t('readAloud'), () => {
      if (this.stopReading) {
        this.stopReading();
        this.stopReading = undefined;
      } else {
        this.stopReading = speak(this.turn.text, language());
      }
      const label = this.stopReading ? t('stopReading') : t('readAloud');
      button.setAttribute('aria-label', label);
      button.title = label;
    });
    return button;
  }

  private attachmentChips(): HTMLElement[] {
    const files = this.turn.attachments ?? [];
    if (files.length === 0) return [];
    const chips = files.map((file) =>
      h('details', { class: 'file' },
        h('summary', {}, icon('file'), file.name, h('small', {}, bytes(new Blob([file.text]).size))),
        h('pre', { tabindex: '0' }, file.text),
      ),
    );
    return [h('div', { class: 'files' }, ...chips)];
  }

  private async copy(button: HTMLButtonElement): Promise<void> {
    if (!(await copyText(this.turn.text))) return;
    this.app.announce(t('copied'));
    replaceChildren(button, icon('check'));
    setTimeout(() => replaceChildren(button, icon('copy')), 2000);
  }

  // The question becomes a field; sending it makes a sibling.
  private edit(): void {
    if (this.app.session.busy || this.turn.role !== 'user') return;
    const field = h('textarea', { class: 'field', 'aria-label': t('edit'), value: this.turn.text, rows: '3' });
    const restore = () => {
      form.replaceWith(this.body);
      this.foot.hidden = false;
      this.element.focus();
    };
    const send = () => {
      const text = field.value.trim();
      if (!text) return;
      restore();
      void this.app.session.edit(this.turn.id, text);
    };
    const form = h('form', { class: 'edit-form' },
      field,
      h('div', { class: 'dialog-actions' },
        h('button', { type: 'button', class: 'button', onclick: restore }, t('cancel')),
        h('button', { type: 'submit', class: 'button primary' }, t('sendEdited')),
      ),
    );
    form.addEventListener('submit', (event) => (event.preventDefault(), send()));
    field.addEventListener('keydown', (event) => {
      if (event.key === 'Escape') restore();
      else if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) send();
      else return event.stopPropagation();
      event.preventDefault();
      event.stopPropagation();
    });
    this.body.replaceWith(form);
    this.foot.hidden = true;
    field.focus();
    field.setSelectionRange(field.value.length, field.value.length);
  }

  // Keys that work while the message itself has the focus.
  private onKey(event: KeyboardEvent): void {
    if (event.target !== this.element || event.ctrlKey || event.metaKey || event.altKey) return;
    const { session } = this.app;
    if (event.key === 'ArrowLeft') session.showSibling(this.turn.id, -1);
    else if (event.key === 'ArrowRight') session.showSibling(this.turn.id, 1);
    else if (event.key === 'e') this.edit();
    else if (event.key === 'c') void copyText(this.turn.text).then((done) => done && this.app.announce(t('copied')));
    else if (event.key === 'r' && this.turn.role === 'assistant') void session.regenerate(this.turn.id);
    else return;
    event.preventDefault();
  }
}
