// Colours for code. Loaded when the first code block appears.

import hljs from 'highlight.js/lib/core';
import bash from 'highlight.js/lib/languages/bash';
import c from 'highlight.js/lib/languages/c';
import cpp from 'highlight.js/lib/languages/cpp';
import css from 'highlight.js/lib/languages/css';
import diff from 'highlight.js/lib/languages/diff';
import go from 'highlight.js/lib/languages/go';
import java from 'highlight.js/lib/languages/java';
import javascript from 'highlight.js/lib/languages/javascript';
import json from 'highlight.js/lib/languages/json';
import kotlin from 'highlight.js/lib/languages/kotlin';
import python from 'highlight.js/lib/languages/python';
import rust from 'highlight.js/lib/languages/rust';
import sql from 'highlight.js/lib/languages/sql';
import typescript from 'highlight.js/lib/languages/typescript';
import xml from 'highlight.js/lib/languages/xml';
import yaml from 'highlight.js/lib/languages/yaml';

const kLanguages = { bash, c, cpp, css, diff, go, java, javascript, json, kotlin, python, rust, sql, typescript, xml, yaml };
for (const [name, language] of Object.entries(kLanguages)) hljs.registerLanguage(name, language);

export function highlight(code: HTMLElement, language: string): void {
  if (!hljs.getLanguage(language)) return;
  const { value } = hljs.highlight(code.textContent ?? '', { language, ignoreIllegals: true });
  // Its output is escaped text in spans. Parsed apart and copied by hand, it can be nothing else here.
  const parsed = new DOMParser().parseFromString(`<pre>${value}</pre>`, 'text/html').querySelector('pre');
  if (parsed) code.replaceChildren(...spansOf(parsed));
}

function spansOf(parent: Element): Node[] {
  return Array.from(parent.childNodes).map((node) => {
    if (!(node instanceof Element)) return document.createTextNode(node.textContent ?? '');
    const span = document.createElement('span');
    span.className = node.className;
    span.append(...spansOf(node));
    return span;
  });
}
