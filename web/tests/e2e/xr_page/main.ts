// A page for the headset's tests: the real session and scene over a scripted server, so that a test decides when each word comes.
// Address: ?language=ko&theme=light&readout=hidden

import { Api } from '../../../src/core/api';
import { ChatSession } from '../../../src/core/session';
import { defaultSettings, type Language, type Theme } from '../../../src/core/settings';
import { openStore } from '../../../src/core/store';
import { PushToTalk } from '../../../src/core/voice';
import { enterHeadset, headsetSupport } from '../../../src/xr/index';

declare global {
  interface Window {
    feed(text: string): void;
    finish(): void;
    fail(): void;
    asked: string[];
    entered: string;
    ended: number;
    chat: ChatSession;
    support: typeof headsetSupport;
  }
}

let stream: ReadableStreamDefaultController<Uint8Array> | undefined;
const encoder = new TextEncoder();

function event(data: unknown): Uint8Array {
  return encoder.encode(`data: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`);
}

const server: typeof fetch = (input, init) => {
  const path = String(input);
  if (!path.endsWith('/v1/chat/completions')) return Promise.resolve(new Response('{}', { headers: { 'content-type': 'application/json' } }));
  window.asked.push(String(init?.body));
  const body = new ReadableStream<Uint8Array>({ start: (controller) => void (stream = controller) });
  init?.signal?.addEventListener('abort', () => stream?.error(new DOMException('aborted', 'AbortError')));
  return Promise.resolve(new Response(body, { headers: { 'content-type': 'text/event-stream' } }));
};

window.asked = [];
window.entered = '';
window.ended = 0;
window.support = headsetSupport;
window.feed = (text) => stream?.enqueue(event({ choices: [{ index: 0, delta: { content: text }, finish_reason: null }] }));
window.finish = () => {
  stream?.enqueue(event({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] }));
  stream?.enqueue(event({ choices: [], usage: { prompt_tokens: 9, completion_tokens: 12, total_tokens: 21 } }));
  stream?.enqueue(event('[DONE]'));
  stream?.close();
};
window.fail = () => stream?.error(new TypeError('network'));

const parameters = new URLSearchParams(location.search);
const settings = {
  ...defaultSettings(),
  language: (parameters.get('language') ?? 'en') as Language,
  theme: (parameters.get('theme') ?? 'dark') as Theme,
  model: 'smollm2-135m-instruct',
};
const api = new Api({ base: '' }, server);
window.chat = new ChatSession(api, await openStore(), settings);
await window.chat.open();

for (const button of document.querySelectorAll('button')) {
  button.addEventListener('click', async () => {
    const { ended } = await enterHeadset(button.id as 'immersive-vr', window.chat, settings, new PushToTalk(api));
    window.entered = button.id;
    await ended;
    window.entered = '';
    window.ended++;
  });
}
document.body.dataset.ready = 'yes';
