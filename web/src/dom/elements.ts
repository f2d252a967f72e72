// Making elements: h('button', { class: 'x', onclick: f, 'aria-label': 'y' }, 'text', child). No HTML strings anywhere.

export type Child = Node | string | undefined | false;
type Attributes = Record<string, unknown>;

export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) setAttribute(element, name, value);
  append(element, children);
  return element;
}

function setAttribute(element: HTMLElement, name: string, value: unknown): void {
  if (value === undefined || value === false) return;
  if (name.startsWith('on')) {
    element.addEventListener(name.slice(2), value as EventListener);
  } else if (name === 'value') {
    (element as HTMLInputElement).value = String(value);
  } else {
    element.setAttribute(name, value === true ? '' : String(value));
  }
}

export function append(element: Element, children: Child[]): void {
  for (const child of children) {
    if (child !== undefined && child !== false) element.append(child);
  }
}

export function replaceChildren(element: Element, ...children: Child[]): void {
  element.textContent = '';
  append(element, children);
}

export function iconButton(icon: Node, label: string, onclick: (event: MouseEvent) => void, extra: Attributes = {}): HTMLButtonElement {
  const { class: more, ...rest } = extra;
  return h(
    'button',
    { type: 'button', class: `icon-button ${typeof more === 'string' ? more : ''}`.trim(), 'aria-label': label, title: label, onclick, ...rest },
    icon,
  );
}
