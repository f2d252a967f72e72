// The server's public API as the shells use it. One Api per server and key; no state but that.
// Everything that arrives is checked for its shape: a reply of another kind is an ApiError, never an exception
// from somewhere deep inside a shell.

import { SseDecoder } from './sse';

export interface Server {
  base: string; // "" is this page's origin, else "https://host:port"
  key?: string;
}

export interface ModelInfo {
  id: string;
  contextTokens?: number;
  memoryBytes?: number;
  loaded?: boolean;
}

export interface ChatMessage {
  role: 'system' | 'user' | 'assistant';
  content: string;
}

export interface Sampling {
  temperature?: number;
  top_p?: number;
  max_completion_tokens?: number;
  seed?: number;
}

export interface Usage {
  prompt: number;
  completion: number;
  cached: number;
}

export type ChatEvent =
  | { type: 'text'; text: string; at: number } // what was added; performance.now() when it arrived
  | { type: 'end'; reason: string; usage?: Usage };

export type Readiness = 'ready' | 'loading' | 'away' | 'locked';

// status 0: the server cannot be reached, or went away in the middle.
export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly code?: string,
    readonly retryAfter?: number, // seconds
    readonly body?: unknown,
  ) {
    super(message);
    this.name = 'ApiError';
  }
}

type Json = Record<string, unknown>;

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function numberIn(object: unknown, key: string): number | undefined {
  const value = isObject(object) ? object[key] : undefined;
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}

function stringIn(object: unknown, key: string): string | undefined {
  const value = isObject(object) ? object[key] : undefined;
  return typeof value === 'string' ? value : undefined;
}

function isAbort(error: unknown): boolean {
  return isObject(error) && (error as { name?: unknown }).name === 'AbortError';
}

// Turns a refused response into an ApiError, by OpenAI's form of errors.
async function refusal(response: Response): Promise<ApiError> {
  const body: unknown = await response.json().catch(() => undefined);
  const error = isObject(body) ? body.error : undefined;
  const seconds = Number(response.headers.get('retry-after') ?? NaN);
  return new ApiError(
    response.status,
    stringIn(error, 'message') ?? `HTTP ${response.status}`,
    stringIn(error, 'code') ?? undefined,
    Number.isFinite(seconds) ? seconds : undefined,
    body,
  );
}

export interface RequestOptions {
  method?: string;
  body?: unknown; // sent as JSON, or as it is when it is a FormData or Blob
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

export class Api {
  private readonly fetchImpl: typeof fetch;

  constructor(
    readonly server: Server,
    fetchImpl?: typeof fetch,
  ) {
    this.fetchImpl = fetchImpl ?? ((input, init) => fetch(input, init));
  }

  // A request to a route of the server. Throws ApiError, or AbortError when `signal` says so.
  async request(path: string, options: RequestOptions = {}): Promise<Response> {
    const headers: Record<string, string> = { ...options.headers };
    if (this.server.key) headers.Authorization = `Bearer ${this.server.key}`;
    let body: BodyInit | undefined;
    if (options.body instanceof FormData || options.body instanceof Blob) {
      body = options.body;
    } else if (options.body !== undefined) {
      headers['Content-Type'] = 'application/json';
      body = JSON.stringify(options.body);
    }
    let response: Response;
    try {
      response = await this.fetchImpl(this.server.base + path, {
        method: options.method ?? 'GET',
        headers,
        body,
        signal: options.signal,
        cache: 'no-store',
      });
    } catch (error) {
      if (isAbort(error)) throw error;
      throw new ApiError(0, 'The server cannot be reached');
    }
    if (!response.ok) throw await refusal(response);
    return response;
  }

  async json(path: string, options: RequestOptions = {}): Promise<unknown> {
    const response = await this.request(path, options);
    try {
      return await response.json();
    } catch (error) {
      if (isAbort(error)) throw error;
      throw new ApiError(0, 'The server\'s reply broke off');
    }
  }

  async ready(signal?: AbortSignal): Promise<Readiness> {
    try {
      await this.request('/ready', { signal });
      await this.request('/v1/models', { signal }); // /ready is open to all, this is not
      return 'ready';
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.status === 401 || error.status === 403) return 'locked';
      return error.status === 503 ? 'loading' : 'away';
    }
  }

  async models(): Promise<ModelInfo[]> {
    const reply = await this.json('/v1/models');
    const data = isObject(reply) && Array.isArray(reply.data) ? (reply.data as unknown[]) : [];
    const models: ModelInfo[] = [];
    for (const entry of data) {
      const id = stringIn(entry, 'id');
      if (id === undefined || !isObject(entry)) continue;
      const meta = entry.meta;
      const loaded = isObject(meta) ? meta.is_loaded : undefined;
      models.push({
        id,
        contextTokens: numberIn(entry, 'max_model_len'),
        memoryBytes: numberIn(meta, 'memory_bytes') || undefined, // 0: not known
        loaded: typeof loaded === 'boolean' ? loaded : undefined,
      });
    }
    return models;
  }

  // Streams an answer. Ends with one 'end' event, or throws: ApiError, or AbortError after signal.abort().
  // An empty model asks for the server's default.
  async *chat(
    model: string,
    messages: ChatMessage[],
    sampling: Sampling,
    signal: AbortSignal,
  ): AsyncGenerator<ChatEvent> {
    const response = await this.request('/v1/chat/completions', {
      method: 'POST',
      signal,
      body: {
        ...(model ? { model } : {}),
        messages,
        ...sampling,
        stream: true,
        stream_options: { include_usage: true },
      },
    });
    const reply = new ChatReply();
    for await (const data of serverSentEvents(response)) {
      if (data === '[DONE]') break;
      const text = reply.take(data);
      if (text) yield { type: 'text', text, at: performance.now() };
    }
    if (reply.reason === undefined) throw new ApiError(0, 'The server went away in the middle of the answer');
    yield { type: 'end', reason: reply.reason, usage: reply.usage };
  }

  async canTranscribe(): Promise<boolean> {
    try {
      const document = await this.json('/openapi.json');
      return isObject(document) && isObject(document.paths) && '/v1/audio/transcriptions' in document.paths;
    } catch {
      return false;
    }
  }

  async transcribe(wav: Blob, signal?: AbortSignal): Promise<string> {
    const form = new FormData();
    form.append('file', wav, 'speech.wav');
    form.append('model', 'default');
    const reply = await this.json('/v1/audio/transcriptions', { method: 'POST', body: form, signal });
    return stringIn(reply, 'text') ?? '';
  }
}

async function* serverSentEvents(response: Response): AsyncGenerator<string> {
  const reader = response.body?.getReader();
  if (!reader) throw new ApiError(0, 'The server sent no stream');
  const decoder = new SseDecoder();
  try {
    for (;;) {
      let chunk;
      try {
        chunk = await reader.read();
      } catch (error) {
        if (isAbort(error)) throw error;
        throw new ApiError(0, 'The server went away in the middle of the answer');
      }
      if (chunk.done) return;
      yield* decoder.push(chunk.value);
    }
  } finally {
    reader.cancel().catch(() => undefined); // frees the connection when the consumer leaves early
  }
}

// Gathers what the chunks of one chat completion say besides their text.
class ChatReply {
  reason: string | undefined;
  usage: Usage | undefined;

  // The text of a chunk. Throws ApiError when the chunk is the server's word that it failed.
  take(data: string): string {
    let chunk: unknown;
    try {
      chunk = JSON.parse(data);
    } catch {
      throw new ApiError(0, 'The server sent a chunk that is no JSON');
    }
    if (!isObject(chunk)) return '';
    if (isObject(chunk.error)) {
      throw new ApiError(500, stringIn(chunk.error, 'message') ?? 'The server failed', stringIn(chunk.error, 'code'));
    }
    this.takeUsage(chunk.usage);
    const choice: unknown = Array.isArray(chunk.choices) ? chunk.choices[0] : undefined;
    this.reason = stringIn(choice, 'finish_reason') ?? this.reason;
    return isObject(choice) ? (stringIn(choice.delta, 'content') ?? '') : '';
  }

  private takeUsage(usage: unknown): void {
    const completion = numberIn(usage, 'completion_tokens');
    if (completion === undefined || !isObject(usage)) return;
    this.usage = {
      prompt: numberIn(usage, 'prompt_tokens') ?? 0,
      completion,
      cached: numberIn(usage.prompt_tokens_details, 'cached_tokens') ?? 0,
    };
  }
}
