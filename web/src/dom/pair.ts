// Where the code that a TV shows is typed, on a phone or desk that has a key already, and the list of what was let
// in that way. The address may bring the code along (?code=ABC123#pair), as the TV's QR code does.

import './pair.css';
import { ApiError, type Api } from '../core/api';
import { defineTexts, language } from '../core/i18n/index';
import { h, replaceChildren } from './elements';

const t = defineTexts(
  {
    how: 'Type the code that the TV shows. It gets a key of its own, with your limits.',
    code: 'Code',
    letIn: 'Let it in',
    asking: 'One moment',
    done: 'Connected. The TV goes on by itself.',
    openServer: 'This server needs no keys; the TV goes on by itself.',
    short: 'The code has six letters and digits.',
    wrong: 'No TV shows this code now. Codes run out after five minutes; the TV can show a new one.',
    tooMany: 'Too many wrong codes. Try again in {seconds} seconds.',
    locked: 'The server wants a key first: type yours in the settings.',
    away: 'The server cannot be reached.',
    failed: 'That did not work: {message}',
    devices: 'Let in so far',
    device: '{name}, since {day}',
    unnamed: 'A device',
    forget: 'Shut out',
  },
  {
    how: 'TV에 보이는 번호를 입력하세요. TV는 같은 한도를 가진 자기 키를 받습니다.',
    code: '번호',
    letIn: '연결하기',
    asking: '잠시만요',
    done: '연결되었습니다. 이제 TV를 쓰세요.',
    openServer: '이 서버는 키가 필요 없습니다. 이제 TV를 쓰세요.',
    short: '번호는 글자와 숫자 여섯 개입니다.',
    wrong: '지금 이 번호를 보이는 TV가 없습니다. 번호는 5분이 지나면 바뀝니다. TV에서 새 번호를 받을 수 있어요.',
    tooMany: '틀린 번호가 너무 많았습니다. {seconds}초 뒤에 다시 해 보세요.',
    locked: '서버가 키를 먼저 요구합니다. 설정에서 키를 입력하세요.',
    away: '서버에 연결할 수 없습니다.',
    failed: '안 되었습니다: {message}',
    devices: '연결된 기기',
    device: '{name}, {day}부터',
    unnamed: '이름 없는 기기',
    forget: '내보내기',
  },
);

interface Device {
  id: string;
  name: string;
  createdAt: number; // seconds since 1970
}

const kCodeLength = 6;

export function mountPair(root: HTMLElement, api: Api): void {
  const input = h('input', {
    class: 'field',
    id: 'pair-code',
    value: codeOf(new URLSearchParams(location.search).get('code') ?? ''),
    maxlength: '12', // people type spaces and hyphens, too
    autocomplete: 'off',
    autocapitalize: 'characters',
    spellcheck: 'false',
    'aria-describedby': 'pair-how',
  });
  const send = h('button', { type: 'submit', class: 'button primary' }, t('letIn'));
  const state = h('p', { role: 'status' });
  const devices = h('div', {});
  const say = (text: string) => (state.textContent = text);
  const form = h('form', {},
    h('p', { id: 'pair-how' }, t('how')),
    h('label', { for: 'pair-code' }, t('code')),
    input,
    h('div', { class: 'dialog-actions' }, send),
  );
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    void submit();
  });
  replaceChildren(root, form, state, devices);
  input.focus();
  void showDevices(devices, api);

  async function submit(): Promise<void> {
    const code = codeOf(input.value);
    if (code.length !== kCodeLength) return void say(t('short'));
    say(t('asking'));
    send.disabled = true;
    try {
      say(await approve(api, code));
      input.value = '';
      void showDevices(devices, api);
    } catch (error) {
      say(reason(error));
    }
    send.disabled = false;
  }
}

function codeOf(typed: string): string {
  return typed.replace(/[^a-z0-9]/gi, '').toUpperCase().slice(0, kCodeLength);
}

async function approve(api: Api, code: string): Promise<string> {
  const reply = await api.json(`/v1/ondol/pairings/${encodeURIComponent(code)}/approve`, { method: 'POST' });
  return isRecord(reply) && isRecord(reply.device) ? t('done') : t('openServer');
}

function reason(error: unknown): string {
  if (!(error instanceof ApiError)) return t('failed', { message: String(error) });
  if (error.status === 0) return t('away');
  if (error.status === 401 || error.status === 403) return t('locked');
  if (error.status === 404) return t('wrong');
  if (error.status === 429) return t('tooMany', { seconds: error.retryAfter ?? 60 });
  return t('failed', { message: error.message });
}

// Nothing is shown where nothing was let in, or where the server has no such list.
async function showDevices(place: HTMLElement, api: Api): Promise<void> {
  const found = parseDevices(await api.json('/v1/ondol/devices').catch(() => undefined));
  if (found.length === 0) return replaceChildren(place);
  const rows = found.map((device) => deviceRow(device, api, () => void showDevices(place, api)));
  replaceChildren(place, h('h3', {}, t('devices')), h('ul', { class: 'devices' }, ...rows));
}

function deviceRow(device: Device, api: Api, onGone: () => void): HTMLElement {
  const day = new Date(device.createdAt * 1000).toLocaleDateString(language());
  const name = t('device', { name: device.name || t('unnamed'), day });
  const forget = h('button', { type: 'button', class: 'button', 'aria-label': `${t('forget')}: ${name}` }, t('forget'));
  forget.addEventListener('click', () => {
    forget.disabled = true;
    const gone = api.request(`/v1/ondol/devices/${encodeURIComponent(device.id)}`, { method: 'DELETE' });
    void gone.catch(() => undefined).then(onGone);
  });
  return h('li', {}, h('span', {}, name), forget);
}

function parseDevices(reply: unknown): Device[] {
  const data: unknown = isRecord(reply) ? reply.data : undefined;
  if (!Array.isArray(data)) return [];
  const out: Device[] = [];
  for (const entry of data as unknown[]) {
    if (!isRecord(entry) || typeof entry.id !== 'string') continue;
    out.push({
      id: entry.id,
      name: typeof entry.name === 'string' ? entry.name : '',
      createdAt: typeof entry.created_at === 'number' ? entry.created_at : 0,
    });
  }
  return out;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
