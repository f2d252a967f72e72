// Says, above the message field, when the server is away, starting or locked, and what can be done about it.

import { useKey, type App } from './app';
import { h, replaceChildren } from './elements';
import { t } from './texts';

export function makeBanner(app: App): HTMLElement {
  const element = h('div', { class: 'banner', role: 'status', hidden: true });
  let shown = 'ready';
  const show = () => {
    const { state } = app.connection;
    if (state === shown) return;
    if (state === 'ready') app.announce(t('backAgain'));
    shown = state;
    element.hidden = state === 'ready';
    element.className = `banner is-${state}`;
    replaceChildren(element, ...contents(app, state));
  };
  app.own(app.connection.on(show));
  show();
  return element;
}

function contents(app: App, state: string): HTMLElement[] {
  if (state === 'locked') return [h('p', {}, t('stateLocked')), keyForm(app)];
  if (state === 'loading') return [h('p', {}, t('stateLoading'))];
  if (state !== 'away') return [];
  const retry = h('button', { type: 'button', class: 'button small', onclick: () => void app.connection.check() }, t('tryNow'));
  return [h('p', {}, t('stateAway')), retry];
}

function keyForm(app: App): HTMLElement {
  const field = h('input', { type: 'password', class: 'field', id: 'banner-key', autocomplete: 'current-password', required: true, 'aria-label': t('keyLabel'), placeholder: t('keyLabel') });
  const form = h('form', { class: 'key-form' }, field, h('button', { type: 'submit', class: 'button small primary' }, t('unlock')));
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    if (!field.value.trim()) return;
    useKey(app, field.value);
    field.select(); // should it be wrong, it can be typed anew
  });
  return form;
}
