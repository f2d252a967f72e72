import { beforeEach, describe, expect, it, vi } from 'vitest';
import { Api } from '../../src/core/api';
import { ChatSession, type Change } from '../../src/core/session';
import { defaultSettings, type Settings } from '../../src/core/settings';
import { MemoryStore } from '../../src/core/store';
import { FakeChat } from './fakes';

let chat: FakeChat;
let store: MemoryStore;
let settings: Settings;
let session: ChatSession;

beforeEach(() => {
  chat = new FakeChat();
  store = new MemoryStore();
  settings = defaultSettings();
  session = new ChatSession(new Api({ base: '' }, chat.fetch), store, settings);
});

const texts = () => session.turns.map((turn) => turn.text);

// Waits for the state that a test wants to interrupt.
const phase = (wanted: string) => vi.waitFor(() => expect(session.phase).toBe(wanted));

describe('ChatSession', () => {
  it('streams an answer through its phases', async () => {
    chat.answers = [['Hel', 'lo']];
    const seen: string[] = [];
    session.on((change: Change) => seen.push(change.type === 'phase' ? session.phase : change.type === 'text' ? change.text : 'turns'));
    await session.send(' Hi ');
    expect(texts()).toEqual(['Hi', 'Hello']);
    expect(seen).toEqual(['turns', 'waiting', 'streaming', 'Hel', 'lo', 'turns', 'idle']);
    expect(session.turns[1]?.timing).toMatchObject({ tokens: 2 });
    expect(session.turns[1]?.stopped).toBeFalsy();
    expect(session.title).toBe('Hi');
  });

  it('says of an answer that it was cut at its longest length', async () => {
    chat.reason = 'length';
    await session.send('Hi');
    expect(session.turns[1]).toMatchObject({ text: 'fine', cut: true, stopped: undefined });
    const again = new ChatSession(session.api, store, settings);
    await again.open(session.id);
    expect(again.turns[1]).toMatchObject({ cut: true });
    chat.reason = 'stop';
    await session.regenerate(session.turns[1]!.id);
    expect(session.turns[1]?.cut).toBeFalsy();
  });

  it('sends the branch, the system prompt, the sampling and the attachments', async () => {
    settings.systemPrompt = 'Be brief.';
    settings.sampling = { temperature: 0.5 };
    settings.model = 'm';
    await session.send('one', [{ name: 'a.md', text: '```\ncode\n```' }]);
    await session.send('two');
    expect(chat.requests[1]).toMatchObject({ model: 'm', temperature: 0.5, stream: true });
    expect(chat.requests[1]?.messages.map(({ role }) => role)).toEqual(['system', 'user', 'assistant', 'user']);
    expect(chat.requests[1]?.messages[1]?.content).toBe('File: a.md\n````\n```\ncode\n```\n````\n\none');
    expect(chat.requests[0]).not.toHaveProperty('seed');
  });

  it('regenerates and edits beside what was said, and shows each branch again', async () => {
    chat.answers = [['a1'], ['a2'], ['b1'], ['c1']];
    await session.send('q1');
    await session.regenerate(session.turns[1]!.id);
    expect(texts()).toEqual(['q1', 'a2']);
    expect(session.turns[1]).toMatchObject({ siblings: 2, sibling: 1 });
    await session.send('q2');
    await session.edit(session.turns[0]!.id, 'Q1');
    expect(texts()).toEqual(['Q1', 'c1']);
    expect(chat.requests[3]?.messages).toEqual([{ role: 'user', content: 'Q1' }]);
    session.showSibling(session.turns[0]!.id, -1);
    expect(texts()).toEqual(['q1', 'a2', 'q2', 'b1']);
    session.showSibling(session.turns[1]!.id, -1);
    expect(texts()).toEqual(['q1', 'a1']);
    session.showSibling(session.turns[1]!.id, -1);
    expect(texts()).toEqual(['q1', 'a1']);
  });

  it('stops, keeps what came, and goes on', async () => {
    chat.answers = [['par', 'hang'], ['next']];
    const sent = session.send('q');
    await phase('streaming');
    session.stop();
    await sent;
    expect(session.phase).toBe('idle');
    expect(session.turns[1]).toMatchObject({ text: 'par', stopped: true });
    await session.send('q2');
    expect(texts()).toEqual(['q', 'par', 'q2', 'next']);
  });

  it('stops an answer that has not begun', async () => {
    chat.answers = [['hang']];
    const sent = session.send('q');
    await phase('waiting');
    session.stop();
    await sent;
    expect(session.turns[1]).toMatchObject({ text: '', stopped: true, error: undefined });
  });

  it('says when the server went away, and tries again', async () => {
    chat.answers = [['half', 'break'], ['whole']];
    await session.send('q');
    expect(session.phase).toBe('failed');
    expect(session.failure?.kind).toBe('away');
    expect(session.turns[1]).toMatchObject({ text: 'half', stopped: true });
    await session.retry();
    expect(session.phase).toBe('idle');
    expect(texts()).toEqual(['q', 'whole']);
    expect(session.turns[1]).toMatchObject({ siblings: 2 });
  });

  it('tries an empty answer again in its place', async () => {
    chat.answers = [[], ['there']];
    await session.send('q');
    expect(session.failure?.kind).toBe('away');
    await session.retry();
    expect(session.turns[1]).toMatchObject({ text: 'there', siblings: 1, error: undefined });
    await session.open(session.id);
    expect(session.turns[1]?.error).toBeUndefined();
  });

  it('joins the questions around an answer that never began', async () => {
    chat.answers = [[], ['yes']];
    await session.send('one');
    await session.send('two');
    expect(chat.requests[1]?.messages).toEqual([{ role: 'user', content: 'one\n\ntwo' }]);
  });

  it('takes up what another tab added, and leaves the reader on the branch that is shown', async () => {
    chat.answers = [['a'], ['b'], ['c']];
    await session.send('one');
    const other = new ChatSession(session.api, store, settings);
    await other.open(session.id);
    await other.send('two');
    await session.refresh();
    expect(texts()).toEqual(['one', 'a', 'two', 'b']);
    await other.edit(other.turns[0]!.id, 'ONE');
    await session.refresh();
    expect(texts()).toEqual(['one', 'a', 'two', 'b']);
    expect(session.turns[0]).toMatchObject({ siblings: 2 });
  });

  it('tells refusals apart', async () => {
    const busy = { status: 503, body: { error: { message: 'full', code: 'busy' } }, headers: { 'Retry-After': '7' } };
    chat.answers = [[{ status: 401 }], [busy], [{ status: 400, body: { error: { message: 'too long' } } }]];
    await session.send('q');
    expect(session.failure?.kind).toBe('locked');
    await session.retry();
    expect(session.failure).toMatchObject({ kind: 'busy', retryAfter: 7 });
    await session.retry();
    expect(session.failure).toMatchObject({ kind: 'refused', message: 'too long' });
  });

  it('ends with an error when the stream ends without a reason', async () => {
    const half: typeof fetch = async () => new Response('data: {"choices":[{"delta":{"content":"x"}}]}\n\n');
    session = new ChatSession(new Api({ base: '' }, half), store, settings);
    await session.send('q');
    expect(session.failure?.kind).toBe('away');
  });

  it('takes no second question while it answers, and another conversation stops it', async () => {
    chat.answers = [['one', 'hang']];
    const sent = session.send('q');
    await phase('streaming');
    const first = session.id;
    await session.send('other');
    expect(session.turns.length).toBe(2);
    await session.open();
    await sent;
    expect(session.turns).toEqual([]);
    await session.open(first);
    expect(session.turns[1]).toMatchObject({ text: 'one', stopped: true });
  });

  it('leaves what was said when the page dies in the middle of an answer', async () => {
    chat.answers = [['some', 'hang']];
    void session.send('q');
    await phase('streaming');
    await vi.waitFor(async () => {
      const other = new ChatSession(session.api, store, settings);
      await other.open(session.id);
      expect(other.turns[1]).toMatchObject({ text: 'some', stopped: true });
    }, 3000);
    session.stop();
  });
});
