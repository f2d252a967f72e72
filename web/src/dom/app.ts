// What the parts of the page share: one session, its server, and what the user chose.

import { Api } from '../core/api';
import { ChatSession } from '../core/session';
import { loadSettings, saveSettings, type Settings } from '../core/settings';
import { openStore, type ConversationStore } from '../core/store';
import { Sync } from '../core/sync';
import { PushToTalk } from '../core/voice';
import { Connection } from './connection';

export interface App {
  api: Api;
  settings: Settings;
  store: ConversationStore;
  session: ChatSession;
  sync: Sync;
  connection: Connection;
  talk: PushToTalk;
  draft: { text: string }; // what stands in the message field, kept while the page is built anew
  changed(): void; // the settings are other ones: keep them, and show it
  onChange(listener: () => void): () => void;
  announce(text: string): void; // for screen readers
  own(cleanup: () => void): void; // to be called when the page is taken down, to be built in another language
  release(): void;
}

export async function makeApp(): Promise<App> {
  const settings = loadSettings();
  const api = new Api({ base: '', key: settings.key || undefined });
  const store = await openStore();
  const listeners = new Set<() => void>();
  let cleanups: (() => void)[] = [];
  const notify = () => Array.from(listeners).forEach((listener) => listener());
  const app: App = {
    api,
    settings,
    store,
    session: new ChatSession(api, store, settings),
    sync: new Sync(api, store, notify),
    connection: new Connection(api),
    talk: new PushToTalk(api),
    draft: { text: '' },
    changed: () => {
      saveSettings(settings);
      notify();
    },
    onChange: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    announce: (text) => {
      const region = document.getElementById('announcements');
      if (region) region.textContent = text;
    },
    own: (cleanup) => cleanups.push(cleanup),
    release: () => {
      for (const cleanup of cleanups) cleanup();
      cleanups = [];
    },
  };
  return app;
}

// A new key, or none: everything that depends on it is asked for again.
export function useKey(app: App, key: string): void {
  app.settings.key = key.trim();
  app.api.server.key = app.settings.key || undefined;
  app.changed();
  void app.connection.check();
}
