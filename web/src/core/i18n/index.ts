// Texts in the user's language. Each shell defines its own tables with defineTexts; the language is one for the page.
// The type of the Korean table is that of the English one, so that no text can be missing.

import type { Language } from '../settings';

type Values = Record<string, string | number>;

let current: Language = 'en';
const listeners = new Set<() => void>();

export function language(): Language {
  return current;
}

export function setLanguage(next: Language): void {
  if (typeof document !== 'undefined') document.documentElement.lang = next;
  if (next === current) return;
  current = next;
  for (const listener of Array.from(listeners)) listener();
}

export function onLanguage(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

// Gives t(key, values?): {name} in a text is replaced by values.name.
export function defineTexts<K extends string>(
  english: Record<K, string>,
  korean: Record<K, string>,
): (key: K, values?: Values) => string {
  const tables: Record<Language, Record<K, string>> = { en: english, ko: korean };
  return (key, values) => fill(tables[current][key], values);
}

function fill(text: string, values?: Values): string {
  return values ? text.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole)) : text;
}
