// The TV app: who it talks to, what it remembers, and which screen comes when.

import { Api } from '../core/api';
import { setLanguage } from '../core/i18n/index';
import { ChatSession } from '../core/session';
import { type Settings, saveSettings } from '../core/settings';
import type { ConversationStore } from '../core/store';
import { Sync } from '../core/sync';
import { AwayScreen } from './away_screen';
import { ChatScreen } from './chat_screen';
import { ConfirmScreen, ByeScreen } from './confirm_screen';
import { SpatialFocus } from './focus';
import { PairScreen } from './pair_screen';
import { leaveApp, remoteKey, typedCharacter, type RemoteKey } from './remote';
import { Screens } from './screens';
import { say } from './strings';

const kArrows = ['left', 'right', 'up', 'down'];

export class App {
  readonly focus = new SpatialFocus(document);
  readonly screens: Screens;
  api: Api;
  session: ChatSession;
  sync: Sync;  // with a key, the conversations of all devices that have it

  constructor(
    place: HTMLElement,
    readonly store: ConversationStore,
    readonly settings: Settings,
  ) {
    this.screens = new Screens(place, this.focus, () => this.askToLeave());
    this.api = new Api({ base: '', key: settings.key || undefined });
    this.session = new ChatSession(this.api, store, settings);
    this.sync = new Sync(this.api, store);
    this.applyLook();
    document.addEventListener('keydown', (event) => this.onKey(event));
  }

  // Looks how the server is and shows what fits: the conversation, a code for the phone, or that it is away.
  async connect(): Promise<void> {
    const state = await this.api.ready().catch(() => 'away' as const);
    if (state === 'ready') this.screens.restart(new ChatScreen(this));
    else if (state === 'locked') this.screens.restart(new PairScreen(this));
    else this.screens.restart(new AwayScreen(this, state));
  }

  // With another key it is another caller: nothing of the old session stays.
  async useKey(key: string): Promise<void> {
    this.session.stop();
    this.settings.key = key;
    this.save();
    this.api = new Api({ base: '', key: key || undefined });
    this.session = new ChatSession(this.api, this.store, this.settings);
    this.sync = new Sync(this.api, this.store);
    await this.connect();
  }

  save(): void {
    saveSettings(this.settings);
    this.applyLook();
  }

  // What the TV's system prefers is mostly unset and then "light"; a living room in the evening wants dark.
  get isLight(): boolean {
    return this.settings.theme === 'light';
  }

  // The package's page stays behind this one in the history; without it there is no other server to go to.
  get canChangeServer(): boolean {
    return window.history.length > 1 && /[?&]from=app\b/.test(window.location.search);
  }

  private applyLook(): void {
    setLanguage(this.settings.language);
    document.documentElement.setAttribute('data-theme', this.isLight ? 'light' : 'dark');
  }

  private onKey(event: KeyboardEvent): void {
    const screen = this.screens.top();
    const key = remoteKey(event);
    if (key === undefined || kArrows.indexOf(key) < 0) this.focus.rest();
    if (key === undefined) {
      const character = typedCharacter(event);
      if (character !== undefined && screen?.text?.(character)) event.preventDefault();
      return;
    }
    if (screen?.key?.(key)) return event.preventDefault();
    // Enter is left to the browser, which presses the button that has the focus; held down it presses once.
    if (key === 'enter') return event.repeat ? event.preventDefault() : undefined;
    event.preventDefault();
    this.onRemote(key);
  }

  private onRemote(key: RemoteKey): void {
    if (key === 'back') this.screens.back();
    else if (kArrows.indexOf(key) >= 0) this.focus.move(key as 'left' | 'right' | 'up' | 'down');
  }

  private askToLeave(): void {
    this.screens.open(new ConfirmScreen(this, {
      title: say('leave.title'),
      yes: say('leave.yes'),
      no: say('leave.no'),
      icon: 'leave',
      yesFirst: true,  // Back twice, then Enter: out
      onYes: () => {
        if (!leaveApp()) this.screens.open(new ByeScreen(this));
      },
    }));
  }
}
