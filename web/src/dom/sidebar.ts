// The list of conversations: newest first, by age; search; and what can be done with each.

import type { Conversation } from '../core/conversation';
import type { Summary } from '../core/store';
import type { App } from './app';
import { askDialog, confirmDialog } from './dialog';
import { h, iconButton, replaceChildren } from './elements';
import { download } from './export';
import { ageGroup } from './format';
import { icon, mark } from './icons';
import { openMenu } from './menu';
import { t } from './texts';

const kSearchDelayMs = 120;

export class Sidebar {
  readonly element: HTMLElement;
  readonly search: HTMLInputElement;
  private readonly list = h('div', { class: 'conversations' });
  private timer?: ReturnType<typeof setTimeout>;
  private showing = 0;

  constructor(
    private readonly app: App,
    private readonly actions: { openChat: (id?: string) => void; close: () => void },
  ) {
    this.search = h('input', {
      type: 'search', class: 'field search', placeholder: t('searchConversations'), 'aria-label': t('searchConversations'),
      autocomplete: 'off', oninput: () => this.showSoon(),
    });
    this.element = h('nav', { class: 'sidebar', 'aria-label': t('conversations') },
      h('div', { class: 'sidebar-head' },
        h('span', { class: 'brand' }, mark(), 'ondol'),
        iconButton(icon('close'), t('closeConversations'), actions.close, { class: 'drawer-only' }),
      ),
      h('button', { type: 'button', class: 'button new-chat', onclick: () => actions.openChat() }, icon('plus'), t('newChat')),
      h('div', { class: 'search-box' }, icon('search'), this.search),
      this.list,
    );
    app.own(app.store.on(() => this.showSoon()));
    app.own(app.session.on((change) => {
      if (change.type === 'turns') this.markCurrent();
    }));
    void this.show();
  }

  private showSoon(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.show(), kSearchDelayMs);
  }

  private async show(): Promise<void> {
    const turn = ++this.showing;
    const words = this.search.value.trim();
    const found = words ? await this.app.store.search(words) : await this.app.store.list();
    if (turn !== this.showing) return; // overtaken by a later search
    const focused = (document.activeElement as HTMLElement | null)?.dataset.conversation;
    replaceChildren(this.list, ...this.groups(found, words));
    this.markCurrent();
    if (focused) this.list.querySelector<HTMLElement>(`[data-conversation="${CSS.escape(focused)}"]`)?.focus();
  }

  private groups(found: Summary[], words: string): HTMLElement[] {
    if (found.length === 0) {
      return [h('p', { class: 'sidebar-empty' }, words ? t('nothingFound', { words }) : t('noConversations'))];
    }
    const groups = new Map<string, HTMLElement[]>();
    for (const summary of found) {
      const name = ageGroup(summary.updatedAt);
      groups.set(name, [...(groups.get(name) ?? []), this.row(summary)]);
    }
    return Array.from(groups, ([name, rows]) => h('section', {}, h('h2', {}, name), h('ul', {}, ...rows)));
  }

  private row(summary: Summary): HTMLElement {
    const title = summary.title || t('untitled');
    const options: HTMLButtonElement = iconButton(icon('more'), t('optionsOf', { title }), () => this.openOptions(options, summary), {
      class: 'row-options', 'aria-haspopup': 'menu', 'aria-expanded': 'false',
    });
    return h('li', { class: 'row' },
      h('a', {
        href: `#/c/${summary.id}`, class: 'row-link', title, 'data-conversation': summary.id,
        onclick: (event: Event) => (event.preventDefault(), this.actions.openChat(summary.id)),
      }, title),
      options,
    );
  }

  private markCurrent(): void {
    for (const link of Array.from(this.list.querySelectorAll<HTMLElement>('.row-link'))) {
      const current = link.dataset.conversation === this.app.session.id;
      if (current) link.setAttribute('aria-current', 'page');
      else link.removeAttribute('aria-current');
    }
  }

  private openOptions(button: HTMLElement, summary: Summary): void {
    const item = (label: string, choose: () => void, danger = false) => ({ label: [label], name: label, choose, danger });
    openMenu(button, t('optionsOf', { title: summary.title || t('untitled') }), [
      item(t('rename'), () => void this.rename(summary)),
      item(t('exportMarkdown'), () => void this.export(summary.id, 'markdown')),
      item(t('exportJson'), () => void this.export(summary.id, 'json')),
      item(t('remove'), () => void this.remove(summary), true),
    ]);
  }

  // The conversation that is open may be newer than what is stored.
  private async load(id: string): Promise<Conversation | undefined> {
    return id === this.app.session.id ? this.app.session.snapshot() : this.app.store.get(id);
  }

  private async export(id: string, form: 'markdown' | 'json'): Promise<void> {
    const conversation = await this.load(id);
    if (conversation) download(conversation, form);
  }

  private async rename(summary: Summary): Promise<void> {
    const title = await askDialog(t('rename'), t('newName'), summary.title);
    if (!title?.trim()) return;
    if (summary.id === this.app.session.id) {
      await this.app.session.rename(title);
    } else {
      const conversation = await this.app.store.get(summary.id);
      if (!conversation) return;
      await this.app.store.put({ ...conversation, title: title.trim(), updatedAt: Date.now() });
    }
    void this.app.sync.run();
  }

  private async remove(summary: Summary): Promise<void> {
    if (!(await confirmDialog(t('confirmRemove', { title: summary.title || t('untitled') }), t('remove')))) return;
    if (summary.id === this.app.session.id) {
      await this.app.session.open(); // first: an answer under way would be stored again
      this.actions.openChat();
    }
    await this.app.sync.remove(summary.id);
    this.search.focus();
  }
}
