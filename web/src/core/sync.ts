// Keeps the conversations of this device and those of the key on the server alike.
// Documents merge (conversation.ts), so there is no conflict to ask about: a PUT that meets a newer version (412) takes
// it in and tries again. A deletion is remembered (a mark) until the server has heard of it.

import { ApiError, type Api } from './api';
import { merge, parseConversation, type Conversation } from './conversation';
import type { ConversationStore, SyncMark } from './store';

export type SyncState = 'off' | 'working' | 'done' | 'failed';

const kRoute = '/v1/ondol/conversations';
const kPage = 100;
const kMaxPages = 1000;
const kTries = 3;

// A server without this route keeps no conversations: nothing is wrong with that.
const kNoSuchRoute = new Error('no route for conversations');

interface Remote {
  conversation: Conversation;
  etag: string;
}

export class Sync {
  state: SyncState = 'off';
  problem = ''; // the server's words when the state is 'failed'
  private tooLarge = ''; // why some documents are not on the server
  private running?: Promise<void>;
  private again = false;

  constructor(
    private readonly api: Api,
    private readonly store: ConversationStore,
    private readonly onState: () => void = () => undefined,
  ) {}

  // Exchanges everything that changed on either side. Calls while it runs make it run once more.
  run(): Promise<void> {
    if (!this.api.server.key) return Promise.resolve();
    if (this.running) {
      this.again = true;
      return this.running;
    }
    this.running = this.loop().finally(() => (this.running = undefined));
    return this.running;
  }

  // Removes a conversation here and, now or later, there.
  async remove(id: string): Promise<void> {
    const mark = (await this.store.marks()).find((one) => one.id === id);
    if (mark) await this.store.mark({ ...mark, deleted: true });
    await this.store.remove(id);
    await this.run();
  }

  private async loop(): Promise<void> {
    this.set('working');
    try {
      do {
        this.again = false;
        this.tooLarge = '';
        await this.exchange();
      } while (this.again);
      this.problem = this.tooLarge;
      this.set(this.problem ? 'failed' : 'done');
    } catch (error) {
      if (error === kNoSuchRoute) return this.set('off');
      this.problem = error instanceof Error ? error.message : String(error);
      this.set('failed');
    }
  }

  private set(state: SyncState): void {
    this.state = state;
    this.onState();
  }

  private async exchange(): Promise<void> {
    const remote = await this.listRemote();
    const marks = new Map((await this.store.marks()).map((mark) => [mark.id, mark]));
    for (const mark of Array.from(marks.values())) {
      if (!mark.deleted) continue;
      if (remote.has(mark.id)) await this.removeRemote(mark.id);
      await this.store.unmark(mark.id);
      remote.delete(mark.id);
      marks.delete(mark.id);
    }
    for (const [id, etag] of remote) {
      if (marks.get(id)?.etag !== etag) await this.pull(id);
    }
    for (const { id } of await this.store.list()) await this.push(id, remote, marks.get(id));
  }

  private async listRemote(): Promise<Map<string, string>> {
    const found = new Map<string, string>();
    let after = '';
    for (let page = 0; page < kMaxPages; page++) {
      const reply = await this.listPage(after);
      const data = (reply as { data?: unknown } | null)?.data;
      const entries = (Array.isArray(data) ? data : []) as { id?: unknown; etag?: unknown }[];
      for (const { id, etag } of entries) {
        if (typeof id === 'string' && typeof etag === 'string') found.set(id, etag);
      }
      const last = entries[entries.length - 1]?.id;
      if (entries.length < kPage || typeof last !== 'string' || last === after) break;
      after = last;
    }
    return found;
  }

  private async listPage(after: string): Promise<unknown> {
    try {
      return await this.api.json(`${kRoute}?limit=${kPage}${after && `&after=${encodeURIComponent(after)}`}`);
    } catch (error) {
      if (!(error instanceof ApiError) || (error.status !== 404 && error.status !== 405)) throw error;
      if (!after) throw kNoSuchRoute;
      return this.listPage(''); // `after` was deleted meanwhile: what comes twice does no harm
    }
  }

  private async get(id: string): Promise<Remote | undefined> {
    const response = await this.api.request(`${kRoute}/${id}`);
    const conversation = parseConversation(await response.json());
    const etag = response.headers.get('etag');
    return conversation && etag !== null && conversation.id === id ? { conversation, etag } : undefined;
  }

  // Takes the server's version in; what ours has beyond it is pushed afterwards.
  private async pull(id: string): Promise<SyncMark | undefined> {
    const remote = await this.get(id);
    if (!remote) return undefined; // another program's document: leave it alone
    const ours = await this.store.get(id);
    const merged = ours ? merge(ours, remote.conversation) : remote.conversation;
    await this.store.put(merged);
    const known = sameContent(merged, remote.conversation);
    const mark: SyncMark = { id, etag: remote.etag, updatedAt: known ? merged.updatedAt : undefined };
    await this.store.mark(mark);
    return mark;
  }

  private async push(id: string, remote: Map<string, string>, before?: SyncMark): Promise<void> {
    let mark = (await this.store.marks()).find((one) => one.id === id);
    for (let attempt = 0; attempt < kTries; attempt++) {
      const ours = await this.store.get(id);
      if (!ours || mark?.updatedAt === ours.updatedAt) {
        if (ours && before?.etag && !remote.has(id)) await this.forget(id); // deleted elsewhere, unchanged here
        return;
      }
      const etag = remote.has(id) ? mark?.etag : undefined;
      try {
        const saved = await this.api.request(`${kRoute}/${id}`, {
          method: 'PUT',
          body: ours,
          headers: etag ? { 'If-Match': etag } : { 'If-None-Match': '*' },
        });
        await this.store.mark({ id, etag: saved.headers.get('etag') ?? undefined, updatedAt: ours.updatedAt });
        return;
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        if (error.status === 413 || error.status === 507) {
          this.tooLarge = error.message; // the others may still fit
          return;
        }
        if (error.status !== 412) throw error;
      }
      mark = await this.pull(id);
      if (!mark?.etag) return;
      remote.set(id, mark.etag);
    }
  }

  private async forget(id: string): Promise<void> {
    await this.store.remove(id);
    await this.store.unmark(id);
  }

  private async removeRemote(id: string): Promise<void> {
    try {
      await this.api.request(`${kRoute}/${id}`, { method: 'DELETE' });
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 404) throw error;
    }
  }
}

function sameContent(a: Conversation, b: Conversation): boolean {
  if (a.title !== b.title || a.leaf !== b.leaf || a.updatedAt !== b.updatedAt) return false;
  const ids = Object.keys(a.messages);
  if (ids.length !== Object.keys(b.messages).length) return false;
  return ids.every((id) => JSON.stringify(a.messages[id]) === JSON.stringify(b.messages[id]));
}
