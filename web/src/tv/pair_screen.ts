// A server with keys: the TV shows a code and where to type it. The phone's page is dom/pair.ts.

import { ApiError } from '../core/api';
import type { App } from './app';
import { button, el, frame, show } from './dom';
import { icon } from './icons';
import { pollPairing, startPairing, type Pairing } from './pairing';
import { qrImage } from './qr';
import type { Screen } from './screens';
import { say } from './strings';

const kPollMs = 2000;

export class PairScreen implements Screen {
  readonly name = 'pair';
  readonly root: HTMLElement;
  private readonly body = el('div', { class: 'pairing' });
  private readonly state = el('p', { class: 'muted', role: 'status' });
  private timer: number | undefined;
  private open = true;

  constructor(private readonly app: App) {
    this.root = frame('pair', say('pair.title'), this.body, this.state,
      el('div', { class: 'row' },
         button(say('pair.again'), () => this.start(), { icon: 'again', 'data-first': true }),
         app.canChangeServer && button(say('settings.other'), () => window.history.back(), { icon: 'server' })));
    void this.start();
  }

  closed(): void {
    this.open = false;
    window.clearTimeout(this.timer);
  }

  private async start(): Promise<void> {
    window.clearTimeout(this.timer);
    this.state.textContent = '';
    try {
      const pairing = await startPairing(this.app.api);
      if (!this.open) return;
      this.showCode(pairing);
      this.state.textContent = say('pair.waiting');
      this.pollLater(pairing);
    } catch (error) {
      // Where pairing exists, anybody may ask for a code: a server that wants a key for it does not know the route.
      const unknown = error instanceof ApiError && (error.status === 404 || error.status === 401);
      this.end(say(unknown ? 'pair.unknown' : 'pair.failed'));
    }
  }

  private pollLater(pairing: Pairing): void {
    window.clearTimeout(this.timer);
    this.timer = window.setTimeout(() => this.poll(pairing), kPollMs);
  }

  private async poll(pairing: Pairing): Promise<void> {
    try {
      const key = await pollPairing(this.app.api, pairing);
      if (!this.open) return;
      if (key !== undefined) return void this.app.useKey(key);
    } catch (error) {
      // A server that is away for a moment keeps its codes or refuses them when it is back.
      if (!(error instanceof ApiError) || (error.status >= 400 && error.status < 500 && error.status !== 429)) {
        return this.end(say('pair.expired'));
      }
    }
    if (this.open) this.pollLater(pairing);
  }

  private showCode(pairing: Pairing): void {
    const { origin } = window.location;
    const address = `${origin}/#pair`;
    show(this.body,
      el('div', { class: 'steps' },
         el('p', {}, say('pair.how')),
         el('p', { class: 'address' }, address.replace(/^https?:\/\//, '')),
         el('p', {}, say('pair.type')),
         el('p', { class: 'code', 'aria-label': pairing.code.split('').join(' ') }, pairing.code)),
      qrImage(`${origin}/?code=${pairing.code}#pair`, address));
  }

  private end(message: string): void {
    if (!this.open) return;
    show(this.body, icon('key'));
    this.state.textContent = message;
  }
}
