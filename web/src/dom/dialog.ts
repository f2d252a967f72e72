// Modal dialogs, by the browser's own element: it keeps the focus inside, closes on Escape and gives the focus back.

import { h, iconButton, type Child } from './elements';
import { icon } from './icons';
import { t } from './texts';

export interface Dialog {
  element: HTMLDialogElement;
  close(): void;
}

export function openDialog(name: string, title: string, ...content: Child[]): Dialog {
  const element = h('dialog', { class: `dialog ${name}`, 'aria-labelledby': 'dialog-title' });
  const close = () => element.close();
  element.append(
    h('header', { class: 'dialog-head' },
      h('h2', { id: 'dialog-title' }, title),
      iconButton(icon('close'), t('close'), close),
    ),
    h('div', { class: 'dialog-body' }, ...content),
  );
  element.addEventListener('close', () => element.remove());
  element.addEventListener('click', (event) => {
    if (event.target === element) close(); // on the backdrop
  });
  document.body.append(element);
  element.showModal();
  return { element, close };
}

export function confirmDialog(question: string, action: string): Promise<boolean> {
  return new Promise((resolve) => {
    let answer = false;
    const yes = h('button', { type: 'button', class: 'button danger', onclick: () => ((answer = true), dialog.close()) }, action);
    const no = h('button', { type: 'button', class: 'button', onclick: () => dialog.close() }, t('cancel'));
    const dialog = openDialog('confirm', action, h('p', {}, question), h('div', { class: 'dialog-actions' }, no, yes));
    dialog.element.addEventListener('close', () => resolve(answer));
    no.focus();
  });
}

export function askDialog(title: string, label: string, value: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    let answer: string | undefined;
    const input = h('input', { class: 'field', id: 'asked', value, maxlength: '200' });
    const form = h('form', {},
      h('label', { for: 'asked' }, label),
      input,
      h('div', { class: 'dialog-actions' },
        h('button', { type: 'button', class: 'button', onclick: () => dialog.close() }, t('cancel')),
        h('button', { type: 'submit', class: 'button primary' }, t('save')),
      ),
    );
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      answer = input.value;
      dialog.close();
    });
    const dialog = openDialog('ask', title, form);
    dialog.element.addEventListener('close', () => resolve(answer));
    input.select();
  });
}
