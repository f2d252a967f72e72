// What the user chose, kept in localStorage. A plain object that the shells share and change; saveSettings keeps it.
// Where storage is denied (private windows, file://) the choices last as long as the page.

import type { Sampling } from './api';

export type Theme = 'system' | 'light' | 'dark';
export type Language = 'en' | 'ko';

export interface Settings {
  theme: Theme;
  language: Language;
  model: string; // "" is the server's default
  systemPrompt: string;
  sampling: Sampling;
  key: string; // "" is none
  readAloud: boolean;
}

const kStorageKey = 'ondol.settings';

export function defaultSettings(): Settings {
  const spoken = typeof navigator === 'undefined' ? '' : navigator.language;
  return {
    theme: 'system',
    language: /^ko\b/i.test(spoken) ? 'ko' : 'en',
    model: '',
    systemPrompt: '',
    sampling: {},
    key: '',
    readAloud: false,
  };
}

export function loadSettings(): Settings {
  try {
    return parseSettings(JSON.parse(localStorage.getItem(kStorageKey) ?? '{}'));
  } catch {
    return defaultSettings();
  }
}

export function saveSettings(settings: Settings): void {
  try {
    localStorage.setItem(kStorageKey, JSON.stringify(settings));
  } catch {
    // Denied or full: the choice still holds for this page.
  }
}

// Bounds as the server states them in openapi.json; a value outside is dropped.
export function parseSampling(value: unknown): Sampling {
  const from = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>;
  const sampling: Sampling = {};
  const temperature = within(from.temperature, 0, 2);
  if (temperature !== undefined) sampling.temperature = temperature;
  const topP = within(from.top_p, 1e-6, 1);
  if (topP !== undefined) sampling.top_p = topP;
  const tokens = within(from.max_completion_tokens, 1, 16777216);
  if (tokens !== undefined) sampling.max_completion_tokens = Math.floor(tokens);
  const seed = within(from.seed, 0, Number.MAX_SAFE_INTEGER);
  if (seed !== undefined) sampling.seed = Math.floor(seed);
  return sampling;
}

export function parseSettings(value: unknown): Settings {
  const settings = defaultSettings();
  if (typeof value !== 'object' || value === null) return settings;
  const from = value as Record<string, unknown>;
  if (from.theme === 'light' || from.theme === 'dark' || from.theme === 'system') settings.theme = from.theme;
  if (from.language === 'en' || from.language === 'ko') settings.language = from.language;
  if (typeof from.model === 'string') settings.model = from.model;
  if (typeof from.systemPrompt === 'string') settings.systemPrompt = from.systemPrompt;
  if (typeof from.key === 'string') settings.key = from.key;
  if (typeof from.readAloud === 'boolean') settings.readAloud = from.readAloud;
  settings.sampling = parseSampling(from.sampling);
  return settings;
}

function within(value: unknown, least: number, most: number): number | undefined {
  return typeof value === 'number' && value >= least && value <= most ? value : undefined;
}
