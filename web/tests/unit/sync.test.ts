import { beforeEach, describe, expect, it } from 'vitest';
import { Api } from '../../src/core/api';
import { addMessage, merge, newConversation, parseConversation, type Conversation } from '../../src/core/conversation';
import { MemoryStore } from '../../src/core/store';
import { Sync } from '../../src/core/sync';
import { FakeConversations, titles } from './fakes';

let server: FakeConversations;

class Device {
  readonly store = new MemoryStore();
  readonly sync: Sync;

  constructor() {
    this.sync = new Sync(new Api({ base: '', key: 'k' }, server.fetch), this.store);
  }
}

let phone: Device;
let desk: Device;

beforeEach(() => {
  server = new FakeConversations();
  phone = new Device();
  desk = new Device();
});

function conversation(title: string): Conversation {
  const made = newConversation();
  addMessage(made, null, 'user', title);
  return made;
}

async function say(device: Device, id: string, text: string): Promise<void> {
  const found = (await device.store.get(id))!;
  addMessage(found, found.leaf, 'user', text);
  found.updatedAt += 1; // within the same millisecond too
  await device.store.put(found);
}

describe('Sync', () => {
  it('brings each device what the other wrote, and rests when nothing changed', async () => {
    await phone.store.put(conversation('from the phone'));
    await phone.sync.run();
    await desk.store.put(conversation('from the desk'));
    await desk.sync.run();
    await phone.sync.run();
    expect(await titles(phone.store)).toEqual(['from the desk', 'from the phone']);
    expect(await titles(desk.store)).toEqual(['from the desk', 'from the phone']);
    server.log = [];
    await phone.sync.run();
    await desk.sync.run();
    expect(server.log).toEqual(['GET', 'GET']);
    expect(phone.sync.state).toBe('done');
  });

  it('keeps both sides of a conversation that went on in two places', async () => {
    const made = conversation('start');
    await phone.store.put(made);
    await phone.sync.run();
    await desk.sync.run();
    await say(phone, made.id, 'on the phone');
    await say(desk, made.id, 'on the desk');
    await phone.sync.run();
    await desk.sync.run();
    await phone.sync.run();
    for (const { store } of [phone, desk]) {
      const all = Object.values((await store.get(made.id))!.messages).map(({ text }) => text).sort();
      expect(all).toEqual(['on the desk', 'on the phone', 'start']);
    }
    expect((await phone.store.get(made.id))!.leaf).toBe((await desk.store.get(made.id))!.leaf);
  });

  it('deletes everywhere, also what was deleted while the server was away', async () => {
    const made = conversation('gone');
    await phone.store.put(made);
    await phone.sync.run();
    await desk.sync.run();
    server.away = true;
    await phone.sync.remove(made.id);
    expect(phone.sync.state).toBe('failed');
    server.away = false;
    await phone.sync.run();
    await desk.sync.run();
    expect(server.documents.size).toBe(0);
    expect(await titles(desk.store)).toEqual([]);
    expect(await titles(phone.store)).toEqual([]);
  });

  it('does not lose what was written to a conversation that another device deleted', async () => {
    const made = conversation('kept');
    await phone.store.put(made);
    await phone.sync.run();
    await desk.sync.run();
    await phone.sync.remove(made.id);
    await say(desk, made.id, 'more');
    await desk.sync.run();
    await phone.sync.run();
    expect(await titles(phone.store)).toEqual(['kept']);
  });

  it('walks through all pages of a long list', async () => {
    for (let i = 0; i < 250; i++) {
      const made = conversation(`c${i}`);
      server.set(made.id, made);
    }
    await phone.sync.run();
    expect((await phone.store.list()).length).toBe(250);
  });

  it('leaves documents of other programs alone', async () => {
    server.set('11111111-1111-4111-8111-111111111111', { theirs: true });
    await phone.sync.run();
    expect(await titles(phone.store)).toEqual([]);
    expect(server.documents.size).toBe(1);
    expect(phone.sync.state).toBe('done');
  });

  it('says when a document does not fit, and still brings the others over', async () => {
    const large = conversation('large');
    const small = conversation('small');
    large.updatedAt = small.updatedAt + 5;
    await phone.store.put(large);
    await phone.store.put(small);
    const picky: typeof fetch = (input, init) =>
      String(input).includes(large.id) ? Promise.resolve(new Response('{"error":{"message":"over 4 MB"}}', { status: 413 })) : server.fetch(input, init);
    const sync = new Sync(new Api({ base: '', key: 'k' }, picky), phone.store);
    await sync.run();
    expect([sync.state, sync.problem]).toEqual(['failed', 'over 4 MB']);
    expect(Array.from(server.documents.keys())).toEqual([small.id]);
  });

  it('is off without a key and with a server that keeps none', async () => {
    const none = new Sync(new Api({ base: '' }, server.fetch), phone.store);
    await none.run();
    expect(none.state).toBe('off');
    const old = new Sync(new Api({ base: '', key: 'k' }, async () => new Response('{}', { status: 404 })), phone.store);
    await old.run();
    expect(old.state).toBe('off');
  });
});

describe('merge', () => {
  it('takes the finished version of a message, from either side', () => {
    const made = conversation('q');
    const answer = addMessage(made, made.leaf, 'assistant', 'long half of an answer');
    answer.stopped = true;
    const other: Conversation = JSON.parse(JSON.stringify(made));
    other.messages[answer.id] = { ...answer, text: 'whole', stopped: undefined };
    for (const merged of [merge(made, other), merge(other, made)]) expect(merged.messages[answer.id]?.text).toBe('whole');
  });
});

describe('parseConversation', () => {
  it('refuses what is none and drops what is broken', () => {
    for (const value of [null, 1, 'x', [], {}, { id: 1, messages: {} }, { id: 'a', messages: [] }]) expect(parseConversation(value)).toBeUndefined();
    const parsed = parseConversation({ id: 'a', leaf: 'zz', messages: { m: { id: 'm', role: 'tool', text: 'x' }, n: { id: 'n', role: 'user', text: 'y', parent: 3 } } });
    expect(Object.keys(parsed!.messages)).toEqual(['n']);
    expect(parsed!.leaf).toBeNull();
    const tricks = parseConversation(JSON.parse('{"id":"a","leaf":"toString","messages":{"x":{"id":"__proto__","role":"user","text":"x"},"y":{"id":"y","role":"user","text":"y","parent":"constructor"}}}'));
    expect([Object.keys(tricks!.messages), tricks!.leaf, tricks!.messages.y?.parent]).toEqual([['y'], null, null]);
  });
});
