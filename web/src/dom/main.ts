// The page for desktop and phone: builds its parts and connects them.
// Addresses: "#/c/ID" is a conversation, "#pair" types a TV's code, anything else a new conversation.

import './style/base.css';
import './style/layout.css';
import './style/controls.css';
import './style/transcript.css';
import './style/prose.css';
import './style/dialogs.css';
import { setLanguage } from '../core/i18n/index';
import { makeApp, type App } from './app';
import { makeBanner } from './banner';
import { Composer } from './composer';
import { h, replaceChildren } from './elements';
import { Header } from './header';
import { openHeadset } from './headset';
import { openSettings } from './settings_dialog';
import { listenToKeys } from './shortcuts';
import { Sidebar } from './sidebar';
import { showPair } from './pair_route';
import { t } from './texts';
import { Transcript } from './transcript';

// Where a focused field does not bring a keyboard up over half of the page.
const kPrecisePointer = matchMedia('(pointer: fine)');
const kDarkSystem = matchMedia('(prefers-color-scheme: dark)');

class Page {
  private readonly root = document.getElementById('app')!;
  private readonly heading = h('h1', { class: 'off-screen' });
  private language: string;

  constructor(private readonly app: App) {
    this.language = app.settings.language;
    app.onChange(() => this.onSettings());
    app.session.on((change) => {
      if (change.type !== 'text') this.onSession();
    });
    app.connection.on(() => this.onConnection());
    app.store.on(() => void app.session.refresh());
    document.addEventListener('visibilitychange', () => {
      if (!document.hidden) void app.sync.run();
    });
    kDarkSystem.addEventListener('change', () => this.showTheme());
    window.addEventListener('hashchange', () => void this.route());
  }

  async start(): Promise<void> {
    this.onSettings();
    this.build();
    await this.route();
    this.app.connection.start();
  }

  // The same as theme.js does before the first paint.
  private showTheme(): void {
    const { theme } = this.app.settings;
    document.documentElement.dataset.theme = theme === 'system' ? (kDarkSystem.matches ? 'dark' : 'light') : theme;
  }

  // Also builds the page anew when the language is another.
  private build(): void {
    const { app } = this;
    app.release();
    const openChat = (id?: string) => {
      drawer(false);
      void this.openChat(id).then(() => kPrecisePointer.matches && composer.field.focus());
    };
    const drawer = (open: boolean): boolean => {
      const was = layout.classList.contains('drawer-open');
      layout.classList.toggle('drawer-open', open);
      header.drawerButton.setAttribute('aria-expanded', String(open));
      if (open) sidebar.search.focus();
      else if (was) header.drawerButton.focus();
      return was;
    };
    const composer = new Composer(app);
    const transcript = new Transcript(app, (text) => composer.send(text));
    const sidebar = new Sidebar(app, { openChat, close: () => void drawer(false) });
    const header = new Header(app, {
      openDrawer: () => void drawer(true),
      openSettings: () => openSettings(app),
      openHeadset: (button) => void openHeadset(app, button),
      newChat: () => openChat(),
    });
    const main = h('main', { class: 'main' }, header.element, this.heading, transcript.element,
      h('div', { class: 'dock' }, transcript.toEndButton, makeBanner(app), composer.element));
    const layout = h('div', { class: 'layout' }, sidebar.element,
      h('div', { class: 'scrim', onclick: () => void drawer(false) }), main);
    replaceChildren(this.root, h('a', { class: 'skip', href: '#message', onclick: (event: Event) => (event.preventDefault(), composer.field.focus()) }, t('skipToInput')), layout);
    app.own(listenToKeys({
      newChat: () => openChat(),
      search: () => (drawer(true), sidebar.search.select()),
      focusField: () => composer.field.focus(),
      stop: () => app.session.busy && (app.session.stop(), true),
      moveTurn: (delta) => transcript.moveFocus(delta),
      chooseModel: () => header.openModels(),
      openSettings: () => openSettings(app),
      closeDrawer: () => drawer(false),
    }));
    app.own(acceptDrops(composer));
    if (kPrecisePointer.matches) composer.field.focus();
  }

  private async openChat(id?: string): Promise<void> {
    await this.app.session.open(id);
    this.showAddress();
  }

  private async route(): Promise<void> {
    const { app } = this;
    if (location.hash === '#pair') return showPair(app);
    const id = /^#\/c\/([\w-]{1,64})$/.exec(location.hash)?.[1];
    if (id !== app.session.id || !id) await app.session.open(id);
  }

  // The address follows the conversation once it has a first message.
  private showAddress(): void {
    const { session } = this.app;
    const wanted = session.turns.length > 0 ? `#/c/${session.id}` : '';
    if (location.hash !== wanted && location.hash !== '#pair') history.replaceState(null, '', wanted || location.pathname);
    this.heading.textContent = session.title;
    this.heading.hidden = session.turns.length === 0; // the empty state has one of its own
    document.title = session.title ? `${session.title} · ondol` : 'ondol';
  }

  private onSession(): void {
    this.showAddress();
    const { session, connection, sync } = this.app;
    if (session.busy) return;
    void sync.run();
    if (session.failure?.kind === 'away' || session.failure?.kind === 'locked') void connection.check();
  }

  private onConnection(): void {
    const { connection, sync, talk } = this.app;
    if (connection.state !== 'ready') return;
    void talk.probe();
    void sync.run();
  }

  private onSettings(): void {
    const { language } = this.app.settings;
    this.showTheme();
    setLanguage(language);
    if (language === this.language) return;
    this.language = language;
    const settingsOpen = document.querySelector('dialog.settings');
    this.build();
    if (!settingsOpen) return;
    settingsOpen.remove();
    openSettings(this.app);
    document.getElementById(`language-${language}`)?.focus();
  }
}

// Files may be dropped anywhere on the page.
function acceptDrops(composer: Composer): () => void {
  const overlay = h('div', { class: 'drop-overlay', hidden: true }, h('p', {}, t('dropHere')));
  document.body.append(overlay);
  const hasFiles = (event: DragEvent) => event.dataTransfer?.types.includes('Files') ?? false;
  const over = (event: DragEvent) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    overlay.hidden = false;
  };
  const leave = (event: DragEvent) => {
    if (event.relatedTarget === null) overlay.hidden = true;
  };
  const drop = (event: DragEvent) => {
    overlay.hidden = true;
    if (!hasFiles(event)) return;
    event.preventDefault();
    void composer.take(Array.from(event.dataTransfer?.files ?? []));
  };
  document.addEventListener('dragover', over);
  document.addEventListener('dragleave', leave);
  document.addEventListener('drop', drop);
  return () => {
    overlay.remove();
    document.removeEventListener('dragover', over);
    document.removeEventListener('dragleave', leave);
    document.removeEventListener('drop', drop);
  };
}

// Where there is no secure context there is no service worker: the page then needs the server to open.
function registerWorker(): void {
  if (import.meta.env.PROD && 'serviceWorker' in navigator) {
    navigator.serviceWorker.register('/sw.js').catch(() => undefined); // a certificate that was clicked through
  }
}

void makeApp()
  .then((app) => new Page(app).start())
  .then(registerWorker);
