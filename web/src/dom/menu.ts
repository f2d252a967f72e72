// A small menu below the button that opens it. Arrow keys move, Enter chooses, Escape and a click elsewhere close;
// focus goes back to the button.

import { h, type Child } from './elements';

export interface MenuItem {
  label: Child[];
  name: string; // for screen readers and tests
  checked?: boolean; // one of several choices
  danger?: boolean;
  choose: () => void;
}

let closeOpen: (() => void) | undefined;

export function closeMenu(): boolean {
  if (!closeOpen) return false;
  closeOpen();
  return true;
}

export function openMenu(button: HTMLElement, label: string, items: MenuItem[], footer?: string): void {
  closeMenu();
  const elements = items.map((item) => itemElement(item));
  const menu = h('div', { class: 'menu' },
    h('div', { role: 'menu', 'aria-label': label }, ...elements),
    footer !== undefined && h('p', { class: 'menu-footer' }, footer),
  );
  (button.closest('nav, main') ?? document.body).append(menu); // in the button's landmark, for screen readers
  place(menu, button);
  button.setAttribute('aria-expanded', 'true');
  const outside = (event: Event) => {
    if (!menu.contains(event.target as Node) && !button.contains(event.target as Node)) close(false);
  };
  const close = (refocus = true) => {
    closeOpen = undefined;
    menu.remove();
    document.removeEventListener('pointerdown', outside, true);
    button.setAttribute('aria-expanded', 'false');
    if (refocus) button.focus();
  };
  closeOpen = close;
  document.addEventListener('pointerdown', outside, true);
  menu.addEventListener('keydown', (event) => onKey(event, elements, close));
  elements.forEach((element, i) =>
    element.addEventListener('click', () => {
      close();
      items[i]!.choose();
    }),
  );
  (elements.find((_, i) => items[i]!.checked) ?? elements[0])?.focus();
}

function itemElement(item: MenuItem): HTMLButtonElement {
  return h('button', {
    type: 'button',
    class: item.danger ? 'menu-item danger' : 'menu-item',
    role: item.checked === undefined ? 'menuitem' : 'menuitemradio',
    'aria-checked': item.checked === undefined ? undefined : String(item.checked),
    'aria-label': item.name,
    tabindex: '-1',
  }, ...item.label);
}

function onKey(event: KeyboardEvent, items: HTMLElement[], close: () => void): void {
  const at = items.indexOf(document.activeElement as HTMLElement);
  const to: Record<string, number> = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 };
  if (event.key === 'Escape' || event.key === 'Tab') close();
  else if (event.key in to) items[(to[event.key]! + items.length) % items.length]?.focus();
  else return;
  event.preventDefault();
  event.stopPropagation();
}

// Below the button, kept within the window; above it where there is no room below.
function place(menu: HTMLElement, button: HTMLElement): void {
  const box = button.getBoundingClientRect();
  const left = Math.max(8, Math.min(box.left, window.innerWidth - menu.offsetWidth - 8));
  const below = box.bottom + 4 + menu.offsetHeight <= window.innerHeight - 8;
  menu.style.left = `${left}px`;
  menu.style.top = `${below ? box.bottom + 4 : Math.max(8, box.top - 4 - menu.offsetHeight)}px`;
}
