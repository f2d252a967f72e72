// Colours for code, formulas and copy buttons in answers. The highlighter and KaTeX are loaded when a text first needs
// them. Both make their elements from plain text; KaTeX sets its styles through the DOM, which the CSP allows.

import type { MarkdownOptions } from '../core/markdown';
import { h } from './elements';
import { icon } from './icons';
import { t } from './texts';

const kMaxHighlightChars = 30_000;

let highlighter: Promise<typeof import('./highlight')> | undefined;
let katex: Promise<typeof import('./maths')> | undefined;
let loadedHighlighter: typeof import('./highlight') | undefined;
let loadedKatex: typeof import('./maths') | undefined;

// Loaded code works at once, so that a block that is rendered again while it streams does not flicker.
function highlight(code: HTMLElement, language: string): void {
  if (!language || (code.textContent ?? '').length > kMaxHighlightChars) return;
  if (loadedHighlighter) return loadedHighlighter.highlight(code, language);
  highlighter ??= import('./highlight');
  highlighter.then((module) => {
    loadedHighlighter = module;
    module.highlight(code, language);
  }, () => (highlighter = undefined)); // the server is away: the next block tries again
}

function math(element: HTMLElement, tex: string, display: boolean): void {
  if (loadedKatex) return loadedKatex.render(element, tex, display);
  katex ??= import('./maths');
  katex.then((module) => {
    loadedKatex = module;
    module.render(element, tex, display);
  }, () => (katex = undefined));
}

function codeFrame(block: HTMLPreElement, language: string): HTMLElement {
  const button = h('button', { type: 'button', class: 'code-copy', 'aria-label': t('copyCode'), onclick: () => void copyFrom(button, block.textContent ?? '') },
    icon('copy'), h('span', {}, t('copy')));
  return h('div', { class: 'code-frame' }, h('div', { class: 'code-head' }, h('span', { class: 'code-language' }, language || 'text'), button));
}

async function copyFrom(button: HTMLElement, text: string): Promise<void> {
  if (!(await copyText(text))) return;
  const label = button.querySelector('span');
  if (!label) return;
  const say = (text: string, name: string) => {
    label.textContent = text;
    button.setAttribute('aria-label', name);
  };
  say(t('copied'), t('copied'));
  setTimeout(() => say(t('copy'), t('copyCode')), 2000);
}

// The clipboard interface exists in secure contexts only; elsewhere the old command does it.
export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = h('textarea', { class: 'off-screen', value: text, 'aria-hidden': 'true' });
    const before = document.activeElement as HTMLElement | null;
    document.body.append(area);
    area.select();
    const done = document.execCommand('copy');
    area.remove();
    before?.focus();
    return done;
  }
}

export const kAnswerOptions: MarkdownOptions = { highlight, math, codeFrame };
