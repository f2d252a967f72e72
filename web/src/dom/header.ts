// The bar above the conversation: which model answers, the headset, the settings.

import type { ModelInfo } from '../core/api';
import type { App } from './app';
import { h, iconButton, replaceChildren } from './elements';
import { bytes, number } from './format';
import { icon } from './icons';
import { openMenu, type MenuItem } from './menu';
import { t } from './texts';

export interface HeaderActions {
  openDrawer: () => void;
  openSettings: () => void;
  openHeadset: (button: HTMLElement) => void;
  newChat: () => void;
}

export class Header {
  readonly element: HTMLElement;
  readonly modelButton: HTMLButtonElement;
  readonly drawerButton: HTMLButtonElement;

  constructor(
    private readonly app: App,
    actions: HeaderActions,
  ) {
    this.modelButton = h('button', { type: 'button', class: 'model-button', 'aria-haspopup': 'menu', 'aria-expanded': 'false', onclick: () => this.openModels() });
    this.drawerButton = iconButton(icon('menu'), t('openConversations'), actions.openDrawer, { class: 'drawer-only', 'aria-expanded': 'false' });
    const headset: HTMLButtonElement = iconButton(icon('headset'), t('headset'), () => actions.openHeadset(headset), { 'aria-haspopup': 'menu', 'aria-expanded': 'false' });
    this.element = h('header', { class: 'bar' },
      this.drawerButton,
      this.modelButton,
      h('span', { class: 'bar-space' }),
      iconButton(icon('plus'), t('newChat'), actions.newChat, { class: 'drawer-only' }),
      headset,
      iconButton(icon('gear'), t('settings'), actions.openSettings),
    );
    app.own(app.connection.on(() => this.showModel()));
    app.own(app.onChange(() => this.showModel()));
    this.showModel();
  }

  openModels(): void {
    const { models } = this.app.connection;
    const items = models.map((model): MenuItem => ({
      label: [h('span', { class: 'menu-title' }, model.id), h('small', {}, factsOf(model))],
      name: `${model.id}, ${factsOf(model)}`,
      checked: model === this.current(),
      choose: () => {
        this.app.settings.model = model.id;
        this.app.changed();
      },
    }));
    openMenu(this.modelButton, t('chooseModel'), items, items.length === 0 ? t('noModels') : undefined);
  }

  // What answers: the chosen model if the server still has it, else its first, which is its default.
  private current(): ModelInfo | undefined {
    const { models } = this.app.connection;
    return models.find((model) => model.id === this.app.settings.model) ?? models[0];
  }

  private showModel(): void {
    const { models } = this.app.connection;
    const { settings } = this.app;
    if (models.length > 0 && settings.model && !models.some((model) => model.id === settings.model)) {
      settings.model = ''; // the server has it no more
      return this.app.changed();
    }
    const name = this.current()?.id ?? (settings.model || t('defaultModel'));
    replaceChildren(this.modelButton, h('span', { class: 'model-name' }, name), icon('chevron'));
    this.modelButton.setAttribute('aria-label', `${t('model')}: ${name}`);
    this.modelButton.title = t('chooseModel');
  }
}

function factsOf(model: ModelInfo): string {
  const facts: string[] = [];
  if (model.contextTokens !== undefined) facts.push(t('modelContext', { n: number(model.contextTokens) }));
  if (model.memoryBytes !== undefined) facts.push(t('modelMemory', { size: bytes(model.memoryBytes) }));
  if (model.loaded) facts.push(t('modelLoaded'));
  return facts.join(' · ');
}
