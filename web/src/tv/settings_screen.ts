// Language, colours, reading aloud, the server and this TV's key. Each button says what is set and changes it.

import type { App } from './app';
import { button, card, el, frame, show } from './dom';
import type { Screen } from './screens';
import { say } from './strings';

export class SettingsScreen implements Screen {
  readonly name = 'settings';
  readonly root = el('main', { class: 'screen list' });

  constructor(private readonly app: App) {
    this.draw();
  }

  // Drawn anew after each change, for the words may have changed too; the focus stays on the same button.
  private draw(): void {
    const at = this.app.focus.controls().indexOf(document.activeElement as HTMLElement);
    const whole = frame('list', say('settings.title'), el('div', { class: 'cards' }, ...this.choices()),
                        el('div', { class: 'row' }, button(say('back'), () => this.app.screens.close(this), { icon: 'back' })));
    show(this.root, ...Array.from(whole.childNodes));
    const again = this.root.contains(document.activeElement) ? undefined : this.root.querySelectorAll('button')[at];
    if (again) this.app.focus.take(again);
  }

  private choices(): HTMLElement[] {
    const { settings } = this.app;
    const change = (apply: () => void) => () => {
      apply();
      this.app.save();
      this.draw();
    };
    const korean = settings.language === 'ko';
    const out = [
      card(say('settings.language'), say('settings.language.now'), change(() => (settings.language = korean ? 'en' : 'ko')), 'language'),
      card(say('settings.colours'), say(this.app.isLight ? 'settings.light' : 'settings.dark'),
           change(() => (settings.theme = this.app.isLight ? 'dark' : 'light')), 'colours'),
    ];
    if ('speechSynthesis' in window) {
      out.push(card(say('settings.aloud'), say(settings.readAloud ? 'yes' : 'no'), change(() => (settings.readAloud = !settings.readAloud)), 'aloud'));
    }
    if (this.app.canChangeServer) {
      out.push(card(say('settings.other'), window.location.host, () => window.history.back(), 'server'));
    }
    if (settings.key) out.push(card(say('settings.forget'), say('settings.forget.then'), () => void this.app.useKey(''), 'key'));
    return out;
  }
}
