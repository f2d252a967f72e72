// Whether the server can be asked. Looks when the page starts, when an answer failed, when the network or the tab comes
// back, and, while something is wrong, every few seconds. Also keeps the list of models, which comes with readiness.

import type { Api, ModelInfo, Readiness } from '../core/api';

const kFirstDelayMs = 2000;
const kLongestDelayMs = 15000;

export class Connection {
  state: Readiness = 'ready'; // until the first look says otherwise: no flash of an alarm
  known = false;
  models: ModelInfo[] = [];
  private timer?: ReturnType<typeof setTimeout>;
  private delayMs = kFirstDelayMs;
  private looking?: Promise<void>;
  private readonly listeners = new Set<() => void>();

  constructor(private readonly api: Api) {}

  start(): void {
    window.addEventListener('online', () => void this.check());
    window.addEventListener('offline', () => void this.check());
    document.addEventListener('visibilitychange', () => {
      if (!document.hidden && this.state !== 'ready') void this.check();
    });
    void this.check();
  }

  on(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  // Looks now. Calls while it looks share the result.
  check(): Promise<void> {
    this.looking ??= this.look().finally(() => (this.looking = undefined));
    return this.looking;
  }

  private async look(): Promise<void> {
    clearTimeout(this.timer);
    const state = await this.api.ready();
    if (state === 'ready') this.models = await this.api.models().catch(() => this.models);
    const same = state === this.state && this.known;
    this.state = state;
    this.known = true;
    this.delayMs = state === 'ready' || !same ? kFirstDelayMs : Math.min(this.delayMs * 1.5, kLongestDelayMs);
    // A missing key does not come by itself.
    if (state === 'away' || state === 'loading') this.timer = setTimeout(() => void this.check(), this.delayMs);
    for (const listener of Array.from(this.listeners)) listener();
  }
}
