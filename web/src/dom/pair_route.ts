// "#pair": the page where the code that a TV shows is typed. A dialog over the conversation.

import type { App } from './app';
import { openDialog } from './dialog';
import { h } from './elements';
import { t } from './texts';

export async function showPair(app: App): Promise<void> {
  const root = h('div', { class: 'pair-root' });
  const dialog = openDialog('pair-dialog', t('pairDevice'), root);
  dialog.element.addEventListener('close', () => {
    if (location.hash === '#pair') history.replaceState(null, '', location.pathname);
  });
  try {
    const { mountPair } = await import('./pair');
    mountPair(root, app.api);
  } catch {
    root.append(h('p', { role: 'alert' }, t('pageFailed')));
  }
}
