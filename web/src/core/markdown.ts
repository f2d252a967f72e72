// What models write, as a page: Markdown rendered block by block through a sanitiser.
// While an answer streams only its last block is rendered again: what stands before it cannot change any more.
// Model output is hostile until proven otherwise: no scripts, styles, classes, forms, frames, SVG, MathML or images get
// through, links only to http, https and mailto. Code colours and formulas come from plain text afterwards, by functions
// that a shell passes in (so that it pays for them when they are needed).

import DOMPurify, { type Config } from 'dompurify';
import { Marked, type Token, type TokenizerAndRendererExtension, type Tokens } from 'marked';

export interface MarkdownOptions {
  highlight?: (code: HTMLElement, language: string) => void; // may work later, by itself
  math?: (element: HTMLElement, tex: string, display: boolean) => void;
  codeFrame?: (block: HTMLPreElement, language: string) => HTMLElement; // what stands around a code block
}

const kConfig: Config = {
  ALLOWED_TAGS: [
    'p', 'br', 'hr', 'h1', 'h2', 'h3', 'h4', 'h5', 'h6', 'ul', 'ol', 'li', 'blockquote', 'pre', 'code', 'kbd', 'samp',
    'em', 'strong', 'del', 's', 'u', 'b', 'i', 'sub', 'sup', 'mark', 'a', 'span', 'table', 'thead', 'tbody', 'tr', 'th', 'td',
    'details', 'summary', 'dl', 'dt', 'dd',
  ],
  ALLOWED_ATTR: ['href', 'title', 'start', 'align', 'colspan', 'rowspan', 'data-language', 'data-math'],
  ALLOW_DATA_ATTR: false,
  ALLOW_ARIA_ATTR: false,
  ALLOWED_URI_REGEXP: /^(?:https?:|mailto:)/i,
  ADD_URI_SAFE_ATTR: ['title', 'start', 'align', 'colspan', 'rowspan', 'data-language', 'data-math'],
  RETURN_DOM_FRAGMENT: true,
};

function escaped(text: string): string {
  return text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;').replace(/"/g, '&quot;');
}

// Formulas: $$...$$ and \[...\] displayed, \(...\) and $...$ within a line. A single $ must hug what it encloses and not
// be followed by a digit, so that "$5 and $10" stays money.
const kDisplay = /^(?:\$\$([\s\S]+?)\$\$|\\\[([\s\S]+?)\\\])/;
const kDisplayBlock = /^ {0,3}(?:\$\$([\s\S]+?)\$\$|\\\[([\s\S]+?)\\\])[ \t]*(?:\n|$)/;
const kInline = /^(?:\\\(([\s\S]+?)\\\)|\$(?![\s$])((?:\\.|[^\\$\n])*?(?:\\.|[^\\$\s]))\$(?!\d))/;

function formula(tex: string, display: boolean): string {
  return `<span data-math="${display ? 'block' : 'inline'}">${escaped(tex)}</span>`;
}

const mathBlock: TokenizerAndRendererExtension = {
  name: 'mathBlock',
  level: 'block',
  start: (source) => {
    const at = source.search(/\n {0,3}(?:\$\$|\\\[)/); // it may end a paragraph, at a line's start only
    return at < 0 ? undefined : at + 1;
  },
  tokenizer: (source) => {
    const match = kDisplayBlock.exec(source);
    return match ? { type: 'mathBlock', raw: match[0], tex: (match[1] ?? match[2] ?? '').trim() } : undefined;
  },
  renderer: (token) => `<p>${formula(String(token.tex), true)}</p>`,
};

const mathInline: TokenizerAndRendererExtension = {
  name: 'mathInline',
  level: 'inline',
  start: (source) => {
    const at = source.search(/\$|\\[[(]/);
    return at < 0 ? undefined : at;
  },
  tokenizer: (source) => {
    const display = kDisplay.exec(source);
    const match = display ?? kInline.exec(source);
    if (!match) return undefined;
    return { type: 'mathInline', raw: match[0], tex: (match[1] ?? match[2] ?? '').trim(), display: display !== null };
  },
  renderer: (token) => formula(String(token.tex), token.display === true),
};

const marked = new Marked({
  gfm: true,
  breaks: true,
  extensions: [mathBlock, mathInline],
  renderer: {
    code({ text, lang }: Tokens.Code) {
      const language = /^[\w+#.-]{1,30}/.exec(lang ?? '')?.[0] ?? '';
      return `<pre><code data-language="${escaped(language)}">${escaped(text)}</code></pre>\n`;
    },
    html({ text }: Tokens.HTML | Tokens.Tag) {
      return plainTags(text);
    },
    checkbox({ checked }: Tokens.Checkbox) {
      return checked ? '☑ ' : '☐ ';
    },
    // Nothing is loaded from other hosts: an image is a link to it.
    image({ href, text }: Tokens.Image) {
      return `<a href="${escaped(href)}">${escaped(text || href)}</a>`;
    },
  },
});

// HTML in an answer: tags of text without attributes are taken, all else is shown as it was written. The sanitiser would
// remove it as well, but only after the browser has parsed it, and reported to the console what the CSP does not allow.
const kPlainTag = /(<\/?(?:br|sub|sup|kbd|mark|del|s|u|b|i|em|strong|details|summary)\s*\/?>)/i;

function plainTags(html: string): string {
  return html
    .replace(/<!--[\s\S]*?-->/g, '')
    .split(kPlainTag)
    .map((part, i) => (i % 2 === 1 ? part : escaped(part)))
    .join('');
}

// Blocks within blocks are read by recursion, and thousands of quote marks in a row leave it no stack. Lines that
// begin with more marks than anybody writes are shown as they are.
const kTooManyMarks = /^(?:[ \t]*(?:>|(?:[*+-]|\d{1,9}[.)])[ \t])){100}/m;

function blocksOf(text: string): Token[] {
  if (!kTooManyMarks.test(text)) return marked.lexer(text);
  return [{ type: 'code', raw: text, text }];
}

// One sanitised piece of page for a list of tokens.
function fragmentOf(tokens: Token[], options: MarkdownOptions): DocumentFragment {
  const html = marked.parser(tokens);
  const fragment = DOMPurify.sanitize(html, kConfig) as unknown as DocumentFragment;
  for (const link of Array.from(fragment.querySelectorAll('a[href]'))) {
    link.setAttribute('target', '_blank');
    link.setAttribute('rel', 'noopener noreferrer');
  }
  for (const table of Array.from(fragment.querySelectorAll('table'))) wrap(table, 'table-scroll');
  for (const span of Array.from(fragment.querySelectorAll<HTMLElement>('span[data-math]'))) showMath(span, options);
  for (const pre of Array.from(fragment.querySelectorAll<HTMLPreElement>('pre'))) showCode(pre, options);
  return fragment;
}

function wrap(element: Element, className: string): void {
  const around = document.createElement('div');
  around.className = className;
  around.tabIndex = 0; // wide tables scroll, by keyboard too
  element.replaceWith(around);
  around.append(element);
}

function showMath(span: HTMLElement, options: MarkdownOptions): void {
  const display = span.dataset.math === 'block';
  span.className = display ? 'math math-block' : 'math';
  options.math?.(span, span.textContent ?? '', display);
}

function showCode(pre: HTMLPreElement, options: MarkdownOptions): void {
  const code = pre.querySelector('code');
  if (!code) return;
  const language = code.dataset.language ?? '';
  pre.tabIndex = 0;
  options.highlight?.(code, language);
  const frame = options.codeFrame?.(pre, language);
  if (!frame || frame === pre) return;
  pre.replaceWith(frame);
  frame.append(pre);
}

export function renderMarkdown(text: string, options: MarkdownOptions = {}): DocumentFragment {
  return fragmentOf(blocksOf(normalised(text)), options);
}

function normalised(text: string): string {
  return text.replace(/\r\n?/g, '\n');
}

// An answer that grows. Owns the children of `host`.
export class MarkdownView {
  private settledChars = 0; // text whose blocks are final
  private tail: Node[] = []; // the nodes of the block that may still change
  private source = '';

  constructor(
    private readonly host: HTMLElement,
    private readonly options: MarkdownOptions = {},
  ) {}

  // The whole text so far. If it does not continue what was shown, everything is rendered anew.
  update(text: string): void {
    const source = normalised(text);
    if (source === this.source) return;
    if (!source.startsWith(this.source)) this.clear();
    this.source = source;
    const tokens = blocksOf(source.slice(this.settledChars));
    for (const node of this.tail) node.parentNode?.removeChild(node);
    const last = lastBlock(tokens);
    for (let i = 0; i < last; i++) this.settle(tokens[i]!);
    this.tail = this.append(tokens.slice(last));
  }

  private clear(): void {
    this.host.textContent = '';
    this.settledChars = 0;
    this.tail = [];
  }

  private settle(token: Token): void {
    this.settledChars += token.raw.length;
    this.append([token]);
  }

  private append(tokens: Token[]): Node[] {
    if (tokens.length === 0) return [];
    const fragment = fragmentOf(tokens, this.options);
    const nodes = Array.from(fragment.childNodes);
    this.host.append(fragment);
    return nodes;
  }
}

// The last token that is more than blank lines: later text may still belong to it.
function lastBlock(tokens: Token[]): number {
  for (let i = tokens.length - 1; i >= 0; i--) {
    if (tokens[i]!.type !== 'space') return i;
  }
  return 0;
}
