// One question with two answers, and the page that is left where a browser does not let itself be closed.

import type { App } from './app';
import { button, el, frame } from './dom';
import { type IconName, icon } from './icons';
import type { Screen } from './screens';
import { say } from './strings';

export interface Question {
  title: string;
  yes: string;
  no: string;
  icon: IconName;
  yesFirst?: boolean;
  onYes: () => void;
}

export class ConfirmScreen implements Screen {
  readonly name = 'confirm';
  readonly root: HTMLElement;

  constructor(app: App, question: Question) {
    const yes = button(question.yes, question.onYes, question.yesFirst ? { 'data-first': true } : {});
    const no = button(question.no, () => app.screens.close(this), question.yesFirst ? {} : { 'data-first': true });
    this.root = frame('confirm', question.title, el('div', { class: 'row' }, yes, no));
    this.root.insertBefore(icon(question.icon), this.root.firstChild);
  }
}

export class ByeScreen implements Screen {
  readonly name = 'bye';
  readonly root: HTMLElement;

  constructor(app: App) {
    this.root = frame('confirm', say('leave.done'),
      el('div', { class: 'row' }, button(say('leave.return'), () => app.connect(), { icon: 'back' })));
    this.root.insertBefore(icon('ondol'), this.root.firstChild);
  }
}
