// Where conversations are kept on this device: IndexedDB, or memory where the browser denies it.
// put() merges with what is stored, so that two tabs with the same conversation open lose nothing.
// `sync` holds what the last exchange with the server left: see sync.ts.

import { merge, parseConversation, type Conversation } from './conversation';

export interface Summary {
  id: string;
  title: string;
  updatedAt: number;
}

export interface SyncMark {
  id: string;
  etag?: string; // the server's version that ours includes
  updatedAt?: number; // our version that the server has
  deleted?: boolean; // removed here; the server has not been told yet
}

export interface ConversationStore {
  readonly durable: boolean; // false: gone with the page
  list(): Promise<Summary[]>; // newest first
  get(id: string): Promise<Conversation | undefined>;
  put(conversation: Conversation): Promise<void>;
  remove(id: string): Promise<void>;
  search(words: string): Promise<Summary[]>; // every word, in title or text
  marks(): Promise<SyncMark[]>;
  mark(mark: SyncMark): Promise<void>;
  unmark(id: string): Promise<void>;
  on(listener: () => void): () => void; // something changed, here or in another tab
}

export async function openStore(): Promise<ConversationStore> {
  try {
    return new IndexedStore(await openDatabase());
  } catch {
    return new MemoryStore();
  }
}

abstract class BaseStore {
  private readonly listeners = new Set<() => void>();

  on(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  protected changed(): void {
    for (const listener of this.listeners) listener();
  }

  abstract all(): Promise<Conversation[]>;

  async list(): Promise<Summary[]> {
    return summaries(await this.all());
  }

  async search(words: string): Promise<Summary[]> {
    const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
    return summaries((await this.all()).filter((conversation) => matches(conversation, wanted)));
  }
}

function matches(conversation: Conversation, words: string[]): boolean {
  const texts = Object.values(conversation.messages).map((message) => message.text.toLowerCase());
  texts.push(conversation.title.toLowerCase());
  return words.every((word) => texts.some((text) => text.includes(word)));
}

function summaries(conversations: Conversation[]): Summary[] {
  return conversations
    .map(({ id, title, updatedAt }) => ({ id, title, updatedAt }))
    .sort((a, b) => b.updatedAt - a.updatedAt);
}

// What goes in and out is copied: a document that is still being written to must not change the stored one.
function copy<T>(value: T): T {
  return JSON.parse(JSON.stringify(value)) as T;
}

export class MemoryStore extends BaseStore implements ConversationStore {
  readonly durable = false;
  private readonly conversations = new Map<string, Conversation>();
  private readonly syncMarks = new Map<string, SyncMark>();

  async all(): Promise<Conversation[]> {
    return Array.from(this.conversations.values());
  }

  async get(id: string): Promise<Conversation | undefined> {
    const found = this.conversations.get(id);
    return found && copy(found);
  }

  async put(conversation: Conversation): Promise<void> {
    const stored = this.conversations.get(conversation.id);
    this.conversations.set(conversation.id, copy(stored ? merge(stored, conversation) : conversation));
    this.changed();
  }

  async remove(id: string): Promise<void> {
    this.conversations.delete(id);
    this.changed();
  }

  async marks(): Promise<SyncMark[]> {
    return Array.from(this.syncMarks.values());
  }

  async mark(mark: SyncMark): Promise<void> {
    this.syncMarks.set(mark.id, mark);
  }

  async unmark(id: string): Promise<void> {
    this.syncMarks.delete(id);
  }
}

const kDatabase = 'ondol';
const kConversations = 'conversations';
const kMarks = 'sync';

function openDatabase(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(kDatabase, 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore(kConversations, { keyPath: 'id' });
      request.result.createObjectStore(kMarks, { keyPath: 'id' });
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error('IndexedDB'));
    request.onblocked = () => reject(new Error('IndexedDB is blocked by another tab'));
  });
}

function result<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error('IndexedDB'));
  });
}

class IndexedStore extends BaseStore implements ConversationStore {
  readonly durable = true;
  private readonly otherTabs?: BroadcastChannel;

  constructor(private readonly database: IDBDatabase) {
    super();
    // A newer page that wants to change the layout must not wait for this tab.
    database.onversionchange = () => database.close();
    if (typeof BroadcastChannel === 'undefined') return;
    this.otherTabs = new BroadcastChannel('ondol.conversations');
    this.otherTabs.onmessage = () => super.changed();
  }

  protected override changed(): void {
    super.changed();
    this.otherTabs?.postMessage('changed');
  }

  private objects(name: string, mode: IDBTransactionMode): IDBObjectStore {
    return this.database.transaction(name, mode).objectStore(name);
  }

  async all(): Promise<Conversation[]> {
    const found: unknown[] = await result(this.objects(kConversations, 'readonly').getAll());
    return found.map(parseConversation).filter((value): value is Conversation => value !== undefined);
  }

  async get(id: string): Promise<Conversation | undefined> {
    return parseConversation(await result(this.objects(kConversations, 'readonly').get(id)));
  }

  async put(conversation: Conversation): Promise<void> {
    const ours = copy(conversation); // as it is now: the transaction comes later
    const objects = this.objects(kConversations, 'readwrite');
    const stored = parseConversation(await result(objects.get(ours.id)));
    await result(objects.put(stored ? merge(stored, ours) : ours));
    this.changed();
  }

  async remove(id: string): Promise<void> {
    await result(this.objects(kConversations, 'readwrite').delete(id));
    this.changed();
  }

  async marks(): Promise<SyncMark[]> {
    return result(this.objects(kMarks, 'readonly').getAll()) as Promise<SyncMark[]>;
  }

  async mark(mark: SyncMark): Promise<void> {
    await result(this.objects(kMarks, 'readwrite').put(mark));
  }

  async unmark(id: string): Promise<void> {
    await result(this.objects(kMarks, 'readwrite').delete(id));
  }
}
