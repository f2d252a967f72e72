// The settings. Each change holds at once; there is nothing to save or to forget.

import { parseSampling, type Language, type Theme } from '../core/settings';
import { useKey, type App } from './app';
import { openDialog } from './dialog';
import { h, type Child } from './elements';
import { number } from './format';
import { openShortcuts } from './shortcuts';
import { t } from './texts';

export function openSettings(app: App): void {
  const sync = syncState(app);
  const dialog = openDialog('settings', t('settings'),
    section(t('appearance'), themeChoice(app), languageChoice(app)),
    section(t('answers'), systemPrompt(app), h('div', { class: 'pair' },
      numberField(app, 'temperature', t('temperature'), t('temperatureHelp'), 0, 2, 0.1),
      numberField(app, 'top_p', t('topP'), t('topPHelp'), 0.01, 1, 0.01),
      numberField(app, 'max_completion_tokens', t('maxTokens'), t('maxTokensHelp'), 1, 16777216, 1),
      numberField(app, 'seed', t('seed'), t('seedHelp'), 0, 2147483647, 1),
    )),
    section(t('voice'), readAloud(app)),
    section(t('server'), keyField(app), sync.line, h('button', { type: 'button', class: 'button', onclick: () => (dialog.close(), (location.hash = '#pair')) }, t('pairDevice'))),
    h('button', { type: 'button', class: 'button', onclick: () => (dialog.close(), openShortcuts()) }, t('shortcuts')),
  );
  dialog.element.addEventListener('close', sync.release);
}

function section(title: string, ...content: Child[]): HTMLElement {
  return h('section', { class: 'settings-section' }, h('h3', {}, title), ...content);
}

function labelled(id: string, label: string, control: HTMLElement, help?: string): HTMLElement {
  if (help !== undefined) control.setAttribute('aria-describedby', `${id}-help`);
  return h('div', { class: 'setting' },
    h('label', { for: id }, label), control, help !== undefined && h('p', { class: 'help', id: `${id}-help` }, help));
}

function choice<T extends string>(name: string, legend: string, options: [T, string][], current: T, choose: (value: T) => void): HTMLElement {
  const radios = options.map(([value, label]) => {
    const input = h('input', { type: 'radio', name, value, id: `${name}-${value}`, onchange: () => choose(value) });
    input.checked = value === current;
    return h('label', { class: 'segment', for: input.id }, input, h('span', {}, label));
  });
  return h('fieldset', { class: 'setting' }, h('legend', {}, legend), h('div', { class: 'segments' }, ...radios));
}

function themeChoice(app: App): HTMLElement {
  const options: [Theme, string][] = [['system', t('themeSystem')], ['light', t('themeLight')], ['dark', t('themeDark')]];
  return choice('theme', t('theme'), options, app.settings.theme, (theme) => {
    app.settings.theme = theme;
    app.changed();
  });
}

function languageChoice(app: App): HTMLElement {
  const options: [Language, string][] = [['en', 'English'], ['ko', '한국어']];
  return choice('language', t('language'), options, app.settings.language, (language) => {
    app.settings.language = language;
    app.changed();
  });
}

function systemPrompt(app: App): HTMLElement {
  const field = h('textarea', { class: 'field', id: 'system-prompt', rows: '3', value: app.settings.systemPrompt, onchange: () => {
    app.settings.systemPrompt = field.value;
    app.changed();
  } });
  return labelled('system-prompt', t('systemPrompt'), field, t('systemPromptHelp'));
}

type SamplingKey = 'temperature' | 'top_p' | 'max_completion_tokens' | 'seed';

function numberField(app: App, key: SamplingKey, label: string, help: string, least: number, most: number, step: number): HTMLElement {
  const id = `sampling-${key}`;
  const field = h('input', {
    class: 'field', id, type: 'number', inputmode: 'decimal', min: String(least), max: String(most), step: step === 1 ? '1' : 'any',
    value: app.settings.sampling[key] ?? '',
    onchange: () => {
      const valid = field.value === '' ? !field.validity.badInput : field.validity.valid;
      field.setCustomValidity('');
      if (!valid) {
        field.setCustomValidity(t('outside', { least: number(least, 2), most: number(most, 2) }));
        return void field.reportValidity();
      }
      app.settings.sampling = parseSampling({ ...app.settings.sampling, [key]: field.value === '' ? undefined : Number(field.value) });
      app.changed();
    },
  });
  field.addEventListener('input', () => field.setCustomValidity(''));
  return labelled(id, label, field, help);
}

function readAloud(app: App): HTMLElement {
  const box = h('input', { type: 'checkbox', id: 'read-aloud', onchange: () => {
    app.settings.readAloud = box.checked;
    app.changed();
  } });
  box.checked = app.settings.readAloud;
  return h('label', { class: 'check', for: 'read-aloud' }, box, t('readAnswers'));
}

function keyField(app: App): HTMLElement {
  const field = h('input', { class: 'field', id: 'api-key', type: 'password', autocomplete: 'current-password', value: app.settings.key, onchange: () => useKey(app, field.value) });
  const form = h('form', {}, labelled('api-key', t('keyLabel'), field, t('keyHelp'))); // password managers want one
  form.addEventListener('submit', (event) => event.preventDefault());
  return form;
}

function syncState(app: App): { line: HTMLElement; release: () => void } {
  const line = h('p', { class: 'help', role: 'status' });
  const show = () => {
    const { state, problem } = app.sync;
    if (state === 'working') line.textContent = t('syncWorking');
    else if (state === 'done') line.textContent = t('syncDone');
    else if (state === 'failed') line.textContent = t('syncFailed', { message: problem });
    else line.textContent = app.store.durable ? t('syncOff') : t('syncNoDisk');
  };
  show();
  return { line, release: app.onChange(show) };
}
