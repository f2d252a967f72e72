// The server does not answer, or is not ready yet. It is asked again every few seconds, and at once on request.

import type { App } from './app';
import { button, el, frame } from './dom';
import { icon } from './icons';
import type { Screen } from './screens';
import { say } from './strings';

const kAskEveryMs = 3000;

export class AwayScreen implements Screen {
  readonly name = 'away';
  readonly root: HTMLElement;
  private readonly retry: HTMLButtonElement;
  private timer: number | undefined;

  constructor(private readonly app: App, state: 'away' | 'loading') {
    const away = state === 'away';
    this.retry = button(say('away.retry'), () => this.ask(), { icon: 'again', class: 'primary', 'data-first': true });
    this.root = frame('notice', away ? say('away.title') : say('app.tagline'),
      el('p', { role: 'status' }, away ? say('away.text', { server: window.location.host }) : say('away.loading')),
      el('div', { class: 'row' }, this.retry,
         app.canChangeServer && button(say('settings.other'), () => window.history.back(), { icon: 'server' })));
    this.root.insertBefore(icon(away ? 'server' : 'ondol'), this.root.firstChild);
  }

  shown(): void {
    this.again();
  }

  closed(): void {
    window.clearTimeout(this.timer);
    this.timer = -1;
  }

  private again(): void {
    window.clearTimeout(this.timer);
    this.timer = window.setTimeout(() => this.ask(), kAskEveryMs);
  }

  private async ask(): Promise<void> {
    window.clearTimeout(this.timer);
    this.setLabel(say('away.trying'));
    const state = await this.app.api.ready().catch(() => 'away' as const);
    if (this.timer === -1) return;  // closed meanwhile
    if (state === 'ready' || state === 'locked') return void this.app.connect();
    this.setLabel(say('away.retry'));
    this.again();
  }

  private setLabel(label: string): void {
    const span = this.retry.querySelector('.label');
    if (span) span.textContent = label;
  }
}
