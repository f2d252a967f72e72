import 'fake-indexeddb/auto';
import { describe, expect, it } from 'vitest';
import { addMessage, newConversation } from '../../src/core/conversation';
import { MemoryStore, openStore, type ConversationStore } from '../../src/core/store';

async function check(store: ConversationStore): Promise<void> {
  const made = newConversation();
  addMessage(made, null, 'user', 'The Quick brown fox');
  await store.put(made);
  addMessage(made, made.leaf, 'assistant', '여우가 뛰었다');
  expect(Object.keys((await store.get(made.id))!.messages).length).toBe(1); // what is stored is a copy
  await store.put(made);
  expect((await store.list()).map(({ id }) => id)).toEqual([made.id]);
  expect((await store.search('fox 여우')).length).toBe(1);
  expect((await store.search('fox bear')).length).toBe(0);
  await store.mark({ id: made.id, etag: '"1"' });
  expect(await store.marks()).toEqual([{ id: made.id, etag: '"1"' }]);
  await store.unmark(made.id);
  expect(await store.marks()).toEqual([]);
  // A tab with an older copy takes nothing away.
  const older = { ...made, messages: {}, leaf: null, updatedAt: made.updatedAt - 5 };
  await store.put(older);
  expect(Object.keys((await store.get(made.id))!.messages).length).toBe(2);
  await store.remove(made.id);
  expect(await store.get(made.id)).toBeUndefined();
}

describe('ConversationStore', () => {
  it('keeps conversations in IndexedDB', async () => {
    const store = await openStore();
    expect(store.durable).toBe(true);
    await check(store);
  });

  it('keeps them in memory where there is none', async () => {
    await check(new MemoryStore());
    const denied = indexedDB;
    Object.defineProperty(globalThis, 'indexedDB', { value: undefined, configurable: true });
    expect((await openStore()).durable).toBe(false);
    Object.defineProperty(globalThis, 'indexedDB', { value: denied, configurable: true });
  });
});
