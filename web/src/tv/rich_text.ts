// What a model writes, as elements. The library only splits Markdown into tokens; every element is made here
// and every text goes in as text, so there is no HTML to sanitise: tags in an answer are shown, not obeyed.
// Links keep their text alone, for a TV has nowhere to go. Formulas stay as they were written.

import { type Token, type Tokens, lexer } from 'marked';
import { append, el, show } from './dom';

// Quotes in quotes in lists in lists: what is deeper is shown as plain text.
const kMaxDepth = 12;

export function showRichText(place: HTMLElement, text: string): void {
  let tokens: Token[];
  try {
    tokens = lexer(text);
  } catch {
    // Nesting beyond what the library can follow.
    return show(place, el('p', {}, text));
  }
  show(place, ...blocks(tokens, 0));
}

function blocks(tokens: Token[], depth: number): Node[] {
  const out: Node[] = [];
  for (const token of tokens) {
    const node = block(token, depth);
    if (node) out.push(node);
  }
  return out;
}

function block(token: Token, depth: number): Node | undefined {
  if (depth > kMaxDepth) return el('p', {}, token.raw);
  switch (token.type) {
    case 'space':
    case 'def': return undefined;
    case 'hr': return el('hr');
    case 'heading': return el('p', { class: 'heading' }, ...inline(token as Tokens.Heading, depth));
    case 'code': return el('pre', {}, el('code', {}, (token as Tokens.Code).text));
    case 'blockquote': return el('blockquote', {}, ...blocks((token as Tokens.Blockquote).tokens, depth + 1));
    case 'list': return list(token as Tokens.List, depth);
    case 'table': return table(token as Tokens.Table, depth);
    case 'html': return el('p', {}, token.raw.trim());
    default: return el('p', {}, ...inline(token, depth));
  }
}

function list(token: Tokens.List, depth: number): Node {
  const element = token.ordered ? el('ol', { start: String(token.start || 1) }) : el('ul');
  for (const item of token.items) {
    const mark = item.task ? (item.checked ? '☑ ' : '☐ ') : undefined;
    const row = el('li', {}, mark);
    for (const part of item.tokens) {
      if (part.type === 'text') append(row, inline(part, depth + 1));
      else append(row, blocks([part], depth + 1));
    }
    element.appendChild(row);
  }
  return element;
}

function table(token: Tokens.Table, depth: number): Node {
  const row = (cells: Tokens.TableCell[], tag: 'th' | 'td') =>
    el('tr', {}, ...cells.map((cell) => el(tag, {}, ...inline(cell, depth + 1))));
  return el('table', {}, el('thead', {}, row(token.header, 'th')),
            el('tbody', {}, ...token.rows.map((cells) => row(cells, 'td'))));
}

// A token's inner tokens; its text where there are none.
function inline(token: { tokens?: Token[] | undefined; text?: string; raw?: string }, depth: number): Node[] {
  const tokens = depth > kMaxDepth ? undefined : token.tokens;
  if (!tokens) return [document.createTextNode(token.text ?? token.raw ?? '')];
  return tokens.map((part) => {
    switch (part.type) {
      case 'strong': return el('strong', {}, ...inline(part, depth + 1));
      case 'em': return el('em', {}, ...inline(part, depth + 1));
      case 'del': return el('del', {}, ...inline(part, depth + 1));
      case 'codespan': return el('code', {}, (part as Tokens.Codespan).text);
      case 'br': return el('br');
      case 'link': return el('span', { class: 'link' }, ...inline(part, depth + 1));
      case 'escape': return document.createTextNode((part as Tokens.Escape).text);
      case 'html': return document.createTextNode(part.raw);
      default: {
        const holder = document.createDocumentFragment();
        append(holder, inline(part as { tokens?: Token[]; text?: string }, depth + 1));
        return holder;
      }
    }
  });
}
