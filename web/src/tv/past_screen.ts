// Past conversations: open one, or remove one after a question.

import { language } from '../core/i18n/index';
import type { Summary } from '../core/store';
import type { App } from './app';
import { ConfirmScreen } from './confirm_screen';
import { button, card, el, frame } from './dom';
import { Pages } from './pages';
import type { Screen } from './screens';
import { say } from './strings';

export class PastScreen implements Screen {
  readonly name = 'past';
  readonly root: HTMLElement;
  private readonly title: HTMLElement;
  private readonly none = el('p', { class: 'muted', hidden: true }, say('past.none'));
  private readonly pages = new Pages(() => this.buttons(), () => this.app.focus.ensure());
  private found: Summary[] = [];
  private removing = false;
  private readonly unsubscribe: () => void;

  constructor(private readonly app: App, private readonly onOpen: (id: string) => void) {
    this.root = frame('list', say('past.title'), this.pages.root, this.none, this.pages.row);
    this.title = this.root.querySelector('h1') as HTMLElement;
    this.unsubscribe = app.store.on(() => void this.load());
  }

  shown(): void {
    this.draw();
    void this.load();
    void this.app.sync.run();
  }

  closed(): void {
    this.unsubscribe();
  }

  private async load(): Promise<void> {
    const isFirst = this.found.length === 0;
    this.found = await this.app.store.list().catch(() => []);
    if (this.found.length === 0) this.removing = false;
    this.draw();
    if (isFirst && this.app.screens.top() === this) this.app.focus.enter(this.root, this.pages.root.querySelector('button'));
  }

  private draw(): void {
    this.title.textContent = say(this.removing ? 'past.removing' : 'past.title');
    this.none.hidden = this.found.length > 0;
    this.pages.fill(this.found.map((summary) => () => this.card(summary)));
  }

  private card(summary: Summary): HTMLElement {
    const title = summary.title || say('past.untitled');
    const press = () => (this.removing ? this.askToRemove(summary.id, title) : this.open(summary.id));
    return card(title, day(summary.updatedAt), press, this.removing ? 'trash' : undefined);
  }

  private buttons(): HTMLElement[] {
    const back = button(say('back'), () => this.app.screens.close(this), { icon: 'back' });
    if (this.found.length === 0) return [back];
    const toggle = () => {
      this.removing = !this.removing;
      this.draw();
    };
    return [back, this.removing ? button(say('past.keep'), toggle, { icon: 'check' }) : button(say('past.remove'), toggle, { icon: 'trash' })];
  }

  private open(id: string): void {
    this.app.screens.close(this);
    this.onOpen(id);
  }

  private askToRemove(id: string, title: string): void {
    const question = new ConfirmScreen(this.app, {
      title: say('past.sure', { title }),
      yes: say('past.yes'),
      no: say('past.no'),
      icon: 'trash',
      onYes: () => {
        void this.app.sync.remove(id);
        this.app.screens.close(question);
      },
    });
    this.app.screens.open(question);
  }
}

function day(at: number): string {
  return new Date(at).toLocaleDateString(language(), { month: 'long', day: 'numeric' });
}
