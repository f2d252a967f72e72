// The server's models: which one is in use, how much it can read, what memory it takes.

import type { ModelInfo } from '../core/api';
import { language } from '../core/i18n/index';
import type { App } from './app';
import { button, card, el, frame } from './dom';
import { Pages } from './pages';
import type { Screen } from './screens';
import { say } from './strings';

export class ModelScreen implements Screen {
  readonly name = 'model';
  readonly root: HTMLElement;
  private readonly none = el('p', { class: 'muted', hidden: true }, say('model.none'));
  private readonly pages: Pages;

  constructor(private readonly app: App) {
    this.pages = new Pages(() => [button(say('back'), () => app.screens.close(this), { icon: 'back' })], () => app.focus.ensure());
    this.root = frame('list', say('model.title'), this.pages.root, this.none, this.pages.row);
    this.pages.fill([]);
    void this.load();
  }

  private async load(): Promise<void> {
    const models = await this.app.api.models().catch(() => []);
    this.none.hidden = models.length > 0;
    const inUse = this.app.settings.model || models[0]?.id;
    this.pages.fill(models.map((model) => () => this.card(model, model.id === inUse)));
    if (this.app.screens.top() === this) this.app.focus.enter(this.root, this.pages.root.querySelector('button'));
  }

  private card(model: ModelInfo, inUse: boolean): HTMLElement {
    const choose = () => {
      this.app.settings.model = model.id;
      this.app.save();
      this.app.screens.close(this);
    };
    return card(model.id, facts(model, inUse).join(' · '), choose, inUse ? 'check' : 'model');
  }
}

function facts(model: ModelInfo, inUse: boolean): string[] {
  const out: string[] = [];
  if (inUse) out.push(say('model.chosen'));
  else if (model.loaded) out.push(say('model.loaded'));
  if (model.contextTokens) out.push(say('model.context', { tokens: model.contextTokens.toLocaleString(language()) }));
  if (model.memoryBytes) out.push(say('model.memory', { size: gigabytes(model.memoryBytes) }));
  return out;
}

function gigabytes(bytes: number): string {
  return (bytes / 1e9).toLocaleString(language(), { minimumFractionDigits: 1, maximumFractionDigits: 1 });
}
