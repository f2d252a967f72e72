// The conversation: what was said on the left, where else one can go on the right, what to do next below.

import { PushToTalk, speak } from '../core/voice';
import type { App } from './app';
import { ComposeScreen } from './compose_screen';
import { button, el, show } from './dom';
import { icon } from './icons';
import { ModelScreen } from './model_screen';
import { PastScreen } from './past_screen';
import type { RemoteKey } from './remote';
import type { Screen } from './screens';
import { SettingsScreen } from './settings_screen';
import { say, starters } from './strings';
import { Transcript } from './transcript';

const kStartersShown = 4;

export class ChatScreen implements Screen {
  readonly name = 'chat';
  readonly root = el('div', { class: 'screen chat' });
  private readonly transcript: Transcript;
  private readonly middle = el('main', { class: 'middle' });
  private readonly actions = el('div', { class: 'row actions' });
  private readonly modelName = el('span', { class: 'muted' });
  private readonly note = el('p', { class: 'note muted', role: 'status' });
  private readonly voice: PushToTalk;
  private readonly unsubscribe: () => void;
  private silence: (() => void) | undefined;
  private wasBusy = false;
  private language = '';

  constructor(private readonly app: App) {
    this.transcript = new Transcript(app.session);
    this.voice = new PushToTalk(app.api);
    this.voice.on(() => this.draw());
    void this.voice.probe();
    this.unsubscribe = app.session.on((change) => {
      if (change.type === 'text') return this.transcript.grow();
      const begins = this.app.session.busy && !this.wasBusy;
      if (change.type === 'phase') this.onPhase();
      this.draw();
      if (begins) this.focusStop();
    });
  }

  shown(): void {
    if (this.language !== this.app.settings.language) this.build();
    void this.nameModel();
    this.draw();
  }

  closed(): void {
    this.unsubscribe();
    this.silence?.();
  }

  key(key: RemoteKey): boolean {
    if (key === 'stop') this.app.session.stop();
    else if (key === 'page-up' || key === 'page-down') this.transcript.page(key === 'page-up' ? -1 : 1);
    else return false;
    return true;
  }

  private build(): void {
    this.language = this.app.settings.language;
    const { screens } = this.app;
    show(this.root,
      el('header', {}, icon('ondol'), el('span', { class: 'brand' }, 'ondol'), this.modelName),
      this.middle,
      el('nav', { class: 'rail', 'aria-label': say('chat.menu') },
         button(say('chat.new'), () => void this.app.session.open(), { icon: 'plus' }),
         button(say('chat.past'), () => screens.open(new PastScreen(this.app, (id) => void this.app.session.open(id))), { icon: 'past' }),
         button(say('chat.model'), () => screens.open(new ModelScreen(this.app)), { icon: 'model' }),
         button(say('chat.settings'), () => screens.open(new SettingsScreen(this.app)), { icon: 'settings' })),
      el('footer', {}, this.actions, this.note));
  }

  private draw(): void {
    const empty = this.app.session.turns.length === 0;
    if (empty) show(this.middle, this.welcome());
    else {
      this.transcript.draw();
      if (this.transcript.root.parentNode !== this.middle) show(this.middle, this.transcript.root);
      this.transcript.settle();
    }
    show(this.actions, ...this.nextSteps());
    if (this.app.screens.top() === this) this.app.focus.ensure();
  }

  // What was pressed to ask is gone from the screen; the next thing one may want is to stop.
  private focusStop(): void {
    const stop = this.actions.querySelector<HTMLElement>('.primary');
    if (stop && this.app.screens.top() === this) this.app.focus.take(stop);
  }

  private welcome(): HTMLElement {
    return el('div', { class: 'welcome' },
      el('h1', {}, say('chat.hello')),
      el('p', { class: 'muted' }, say('app.tagline')),
      el('div', { class: 'starters' },
         ...starters().slice(0, kStartersShown).map((starter) => button(starter, () => this.send(starter)))));
  }

  private nextSteps(): HTMLElement[] {
    const { session } = this.app;
    if (this.app.session.busy) return [button(say('chat.stop'), () => session.stop(), { icon: 'stop', class: 'primary', 'data-first': true })];
    const ask = button(say('chat.ask'), () => this.compose(), { icon: 'ask', class: 'primary', 'data-first': true });
    const out = session.phase === 'failed' ? [button(say('chat.retry'), () => void session.retry(), { icon: 'again' }), ask] : [ask];
    if (this.voice.state !== 'unavailable') out.push(button(say('chat.speak'), () => void this.speak(), { icon: 'mic' }));
    const last = session.turns[session.turns.length - 1];
    if (session.phase !== 'failed' && last && last.role === 'assistant') {
      out.push(button(say('chat.again'), () => void session.regenerate(last.id), { icon: 'again' }));
    }
    return out;
  }

  private onPhase(): void {
    if (this.wasBusy && !this.app.session.busy) void this.app.sync.run();
    if (this.wasBusy && this.app.session.phase === 'idle') this.readAloud();
    if (this.app.session.busy) this.silence?.();
    this.wasBusy = this.app.session.busy;
  }

  private readAloud(): void {
    const { session, settings } = this.app;
    const last = session.turns[session.turns.length - 1];
    if (settings.readAloud && last && last.role === 'assistant' && !last.stopped) this.silence = speak(last.text, settings.language);
  }

  private compose(): void {
    this.app.screens.open(new ComposeScreen(this.app, (text) => this.send(text)));
  }

  private send(text: string): void {
    this.note.textContent = '';
    void this.app.session.send(text);
  }

  // The first press listens, the second one sends what was understood.
  private async speak(): Promise<void> {
    try {
      if (this.voice.state === 'ready') {
        this.silence?.();
        await this.voice.start();
        this.note.textContent = say('chat.listening');
        return;
      }
      if (this.voice.state !== 'recording') return;
      this.note.textContent = say('chat.hearing');
      const heard = (await this.voice.stop()).trim();
      if (heard) this.send(heard);
      else this.note.textContent = say('chat.unheard');
    } catch {
      this.note.textContent = say('chat.unheard');
    }
  }

  private async nameModel(): Promise<void> {
    const chosen = this.app.settings.model || (await this.app.api.models().catch(() => []))[0]?.id;
    this.modelName.textContent = chosen ?? '';
  }
}
