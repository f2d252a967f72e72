// Short names for what every screen does: make elements, make buttons, replace what a place shows.

import { type IconName, icon } from './icons';

type Child = Node | string | undefined | false;

export interface Attributes {
  [name: string]: string | true | undefined;
}

export function el<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const name of Object.keys(attributes)) {
    const value = attributes[name];
    if (value !== undefined) element.setAttribute(name, value === true ? '' : value);
  }
  append(element, children);
  return element;
}

export function append(parent: Node, children: Child[]): void {
  for (const child of children) {
    if (child === undefined || child === false) continue;
    parent.appendChild(typeof child === 'string' ? document.createTextNode(child) : child);
  }
}

export function show(parent: Element, ...children: Child[]): void {
  while (parent.firstChild) parent.removeChild(parent.firstChild);
  append(parent, children);
}

export interface ButtonLook extends Attributes {
  icon?: IconName;
}

export function button(label: string, onPress: () => void, look: ButtonLook = {}): HTMLButtonElement {
  const { icon: name, ...attributes } = look;
  const element = el('button', { type: 'button', ...attributes }, name && icon(name), el('span', { class: 'label' }, label));
  element.addEventListener('click', onPress);
  return element;
}

// A button of two lines: what it is, and what is to know about it.
export function card(label: string, facts: string, onPress: () => void, name?: IconName): HTMLButtonElement {
  const texts = el('span', { class: 'texts' }, el('span', { class: 'label' }, label), facts !== '' && el('span', { class: 'muted' }, facts));
  const element = el('button', { type: 'button', class: 'card' }, name && icon(name), texts);
  element.addEventListener('click', onPress);
  return element;
}

// A button with nothing but an icon; the label is for those who do not see it.
export function iconButton(name: IconName, label: string, onPress: () => void, attributes: Attributes = {}): HTMLButtonElement {
  const element = el('button', { type: 'button', 'aria-label': label, ...attributes }, icon(name));
  element.addEventListener('click', onPress);
  return element;
}

// The frame that all screens but the conversation share: a title, what it is about, a row of buttons.
export function frame(name: string, title: string, ...parts: Child[]): HTMLElement {
  return el('main', { class: `screen ${name}` }, el('h1', {}, title), ...parts);
}
