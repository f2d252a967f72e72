// A server for unit tests: answers chat requests by script, and keeps conversations as ondol does.
import type { ConversationStore } from '../../src/core/store';

export type Step = string | { status: number; body?: unknown; headers?: Record<string, string> } | 'break' | 'hang';

const chunk = (text: string) => `data: ${JSON.stringify({ choices: [{ delta: { content: text }, finish_reason: null }] })}\n\n`;

// Each chat request takes the next answer: a list of pieces of text, ending well unless the last step is 'break'.
export class FakeChat {
  requests: { messages: { role: string; content: string }[]; [key: string]: unknown }[] = [];
  answers: Step[][] = [];
  reason = 'stop';

  readonly fetch: typeof fetch = async (_input, init) => {
    this.requests.push(JSON.parse(String(init?.body)));
    const steps = this.answers.shift() ?? ['fine'];
    const first = steps[0];
    if (first === undefined) throw new TypeError('network');
    if (typeof first === 'object') {
      return new Response(JSON.stringify(first.body ?? { error: { message: 'no' } }), { status: first.status, headers: first.headers });
    }
    return new Response(this.stream(steps as string[], this.reason, init?.signal ?? undefined), { status: 200 });
  };

  private stream(steps: string[], reason: string, signal?: AbortSignal): ReadableStream<Uint8Array> {
    const utf8 = new TextEncoder();
    return new ReadableStream({
      async start(controller) {
        const abort = () => controller.error(new DOMException('stopped', 'AbortError'));
        if (signal?.aborted) return abort();
        signal?.addEventListener('abort', abort);
        for (const step of steps) {
          await new Promise((resolve) => setTimeout(resolve, 1));
          if (signal?.aborted || step === 'hang') return;
          if (step === 'break') return controller.error(new TypeError('network'));
          controller.enqueue(utf8.encode(chunk(step)));
        }
        const usage = { prompt_tokens: 7, completion_tokens: steps.length, prompt_tokens_details: { cached_tokens: 2 } };
        controller.enqueue(utf8.encode(`data: ${JSON.stringify({ choices: [{ delta: {}, finish_reason: reason }] })}\n\n`));
        controller.enqueue(utf8.encode(`data: ${JSON.stringify({ choices: [], usage })}\n\ndata: [DONE]\n\n`));
        signal?.removeEventListener('abort', abort);
        controller.close();
      },
    });
  }
}

// /v1/ondol/conversations with ETags, If-Match and If-None-Match.
export class FakeConversations {
  documents = new Map<string, { body: unknown; version: number }>();
  log: string[] = [];
  away = false;
  private version = 0;

  readonly fetch: typeof fetch = async (input, init) => {
    if (this.away) throw new TypeError('network');
    const url = new URL(String(input), 'http://x');
    const id = decodeURIComponent(url.pathname.split('/')[4] ?? '');
    const method = init?.method ?? 'GET';
    this.log.push(`${method} ${id}`.trim());
    if (!id) return this.list(url);
    const headers = new Headers(init?.headers);
    if (method === 'PUT') return this.put(id, JSON.parse(String(init?.body)), headers);
    const found = this.documents.get(id);
    if (!found) return this.json(404, { error: { message: 'none' } });
    if (method === 'DELETE') {
      this.documents.delete(id);
      return new Response(null, { status: 204 });
    }
    return this.json(200, found.body, found.version);
  };

  set(id: string, body: unknown): void {
    this.documents.set(id, { body, version: ++this.version });
  }

  private put(id: string, body: unknown, headers: Headers): Response {
    const found = this.documents.get(id);
    const match = headers.get('if-match');
    const fits = match === null ? headers.get('if-none-match') === '*' && !found : match === `"${found?.version}"`;
    if (!fits) return this.json(412, { error: { message: 'changed' } });
    this.set(id, body);
    return this.json(found ? 200 : 201, {}, this.version);
  }

  private list(url: URL): Response {
    const limit = Number(url.searchParams.get('limit'));
    const after = url.searchParams.get('after');
    const ids = Array.from(this.documents.keys()).sort();
    const from = after === null ? 0 : ids.indexOf(after) + 1;
    return this.json(200, { data: ids.slice(from, from + limit).map((id) => ({ id, etag: `"${this.documents.get(id)!.version}"` })) });
  }

  private json(status: number, body: unknown, version?: number): Response {
    return new Response(JSON.stringify(body), { status, headers: version === undefined ? {} : { ETag: `"${version}"` } });
  }
}

export async function titles(store: ConversationStore): Promise<string[]> {
  return (await store.list()).map(({ title }) => title).sort();
}
