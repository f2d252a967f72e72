// The page inside the webOS package: finds the server and goes to its /tv/. It remembers the last one, and asks for
// the address by number pad when there is none, when it does not answer, or when the user comes back to choose.

import '../tv/tv.css';
import './shell.css';
import { setLanguage } from '../core/i18n/index';
import { button, el, frame, iconButton, show } from '../tv/dom';
import { SpatialFocus } from '../tv/focus';
import { icon } from '../tv/icons';
import { leaveApp, remoteKey } from '../tv/remote';
import { say } from '../tv/strings';
import { kDefaultPort, neighboursOf, originOf, typeKey } from './address';
import { ownAddress } from './network';
import { probe, search } from './probe';

const kRemembered = 'ondol.server';
const kConnectMs = 4000;
const kMaxShown = 4;  // servers found by a search

class Shell {
  private readonly focus = new SpatialFocus(document);
  private typed = '';
  private secure = false;
  private readonly address = el('div', { class: 'line', role: 'status' });
  private readonly note = el('p', { class: 'muted', role: 'status' });
  private readonly found = el('div', { class: 'found' });
  private searching: AbortController | undefined;
  private connecting = '';

  constructor(private readonly place: HTMLElement) {
    document.addEventListener('keydown', (event) => this.onKey(event));
  }

  async start(): Promise<void> {
    const last = localStorage.getItem(kRemembered);
    // Back from the server's page means that another one is wanted.
    const isBack = history.state === 'gone';
    if (last && !isBack) {
      this.showConnecting(last);
      if (await this.connect(last)) return;
    }
    this.ask(last);
  }

  private showConnecting(origin: string): void {
    const cancel = button(say('shell.cancel'), () => this.ask(origin), { 'data-first': true });
    const screen = frame('notice', say('shell.connecting'), el('p', { class: 'muted' }, shortName(origin)), el('div', { class: 'row' }, cancel));
    screen.insertBefore(icon('ondol'), screen.firstChild);
    this.show('connecting', screen);
  }

  private show(name: string, screen: HTMLElement): void {
    show(this.place, screen);
    this.place.setAttribute('data-screen', name);
    this.focus.enter(screen);
  }

  private ask(last: string | null): void {
    this.connecting = '';
    const keys = ['1', '2', '3', '4', '5', '6', '7', '8', '9', '.', '0', ':'].map((key) =>
      button(key, () => this.type(key), key === '1' ? { class: 'key', 'data-first': true } : { class: 'key' }));
    const secure = button('', () => {
      this.secure = !this.secure;
      this.draw();
    }, { class: 'secure', icon: 'key' });
    const steps = el('div', { class: 'steps' },
      el('p', { class: 'muted' }, say('shell.how')),
      button(say('shell.connect'), () => void this.connectTyped(), { class: 'primary', icon: 'check' }),
      secure,
      button(say('shell.search'), () => void this.searchNetwork(), { class: 'search', icon: 'search' }),
      last !== null && button(say('shell.last', { server: shortName(last) }), () => void this.connect(last), { icon: 'past' }),
      this.found, this.note);
    const pad = el('div', { class: 'pad' }, this.address, el('div', { class: 'keys' }, ...keys),
      iconButton('erase', say('compose.erase'), () => this.erase(), { class: 'key' }));
    this.show('ask', frame('shell', say('shell.title'), el('div', { class: 'sides' }, pad, steps)));
    if (last !== null) this.note.textContent = history.state === 'gone' ? '' : say('shell.nothing', { server: shortName(last) });
    this.draw();
  }

  private draw(): void {
    const example = `192.168.0.12:${kDefaultPort}`;
    const rest = this.typed === '' ? example : this.typed.indexOf(':') < 0 && `:${kDefaultPort}`;
    show(this.address, this.typed, el('span', { class: 'caret' }), rest && el('span', { class: 'muted' }, rest));
    const label = this.place.querySelector('.secure .label');
    if (label) label.textContent = say(this.secure ? 'shell.https' : 'shell.http');
  }

  private type(key: string): void {
    this.typed = typeKey(this.typed, key);
    this.draw();
  }

  private erase(): void {
    this.typed = this.typed.slice(0, -1);
    this.draw();
  }

  private async connectTyped(): Promise<void> {
    const origin = originOf(this.typed, this.secure);
    if (origin === undefined) this.note.textContent = say('shell.incomplete');
    else await this.connect(origin);
  }

  // Goes to the server's page if it is one. The history keeps this page behind it, marked, for Back.
  private async connect(origin: string): Promise<boolean> {
    this.searching?.abort();
    this.connecting = origin;
    this.note.textContent = say('shell.trying', { server: shortName(origin) });
    const found = await probe(origin, kConnectMs);
    if (this.connecting !== origin) return false;  // given up, or another one is tried
    if (found !== 'ondol') {
      this.note.textContent = say(found === 'other' ? 'shell.other' : 'shell.nothing', { server: shortName(origin) });
      return false;
    }
    localStorage.setItem(kRemembered, origin);
    history.replaceState('gone', '');
    window.location.assign(`${origin}/tv/?from=app`);
    return true;
  }

  private async searchNetwork(): Promise<void> {
    this.searching?.abort();
    const own = await ownAddress();
    const origins = neighboursOf(own ?? this.typed.split(':')[0] ?? '');
    show(this.found);
    if (origins.length === 0) {
      this.note.textContent = say('shell.unknown');
      return;
    }
    const stop = (this.searching = new AbortController());
    const progress = (tried: number) => {
      this.note.textContent = say('shell.searching', { tried, all: origins.length });
    };
    progress(0);
    let hits = 0;
    await search(origins, stop.signal, (origin) => {
      if (hits++ < kMaxShown) this.found.appendChild(button(shortName(origin), () => void this.connect(origin), { icon: 'server' }));
    }, progress);
    if (!stop.signal.aborted) this.note.textContent = hits > 0 ? say('shell.found', { hits }) : say('shell.none');
  }

  private onKey(event: KeyboardEvent): void {
    const key = remoteKey(event);
    if (key === 'left' || key === 'right' || key === 'up' || key === 'down') {
      event.preventDefault();
      return this.focus.move(key);
    }
    this.focus.rest();
    if (key === 'enter') return event.repeat ? event.preventDefault() : undefined;
    if (key === undefined) {
      // The digits of a remote are those of a keyboard.
      if (/^[\d.:]$/.test(event.key)) this.type(event.key);
      return;
    }
    event.preventDefault();
    if (key === 'erase') this.erase();
    else if (key === 'back') this.back();
  }

  private back(): void {
    if (this.searching && !this.searching.signal.aborted) {
      this.searching.abort();
      this.note.textContent = '';
    } else leaveApp();
  }
}

function shortName(origin: string): string {
  return origin.replace(/^http:\/\//, '');
}

function start(): void {
  const place = document.getElementById('tv');
  if (!place) return;
  setLanguage(/^ko\b/i.test(navigator.language) ? 'ko' : 'en');
  void new Shell(place).start();
}

start();
