// Formulas. Loaded, with its fonts, when the first one appears.

import katex from 'katex';
import 'katex/dist/katex.min.css';

export function render(element: HTMLElement, tex: string, display: boolean): void {
  try {
    katex.render(tex, element, {
      displayMode: display,
      throwOnError: true, // what is no formula stays text
      trust: false, // no links, images or classes
      strict: 'ignore',
      maxSize: 20, // em
      maxExpand: 200,
    });
  } catch {
    element.textContent = tex;
    element.classList.add('math-error');
  }
}
