// A conversation is a tree of messages: an edited question or another answer is a sibling, and nothing said is lost.
// One branch of it is shown: the way from a root to `leaf`. Plain data, as it is stored and sent to the server.
// Two copies that grew apart (two tabs, two machines) merge without conflict: the union of their messages.

import type { ChatMessage } from './api';
import { newId } from './ids';

export interface Timing {
  firstTokenMs: number;
  tokensPerSecond: number; // 0: too short to tell
  tokens: number;
}

export interface Attachment {
  name: string;
  text: string;
}

export interface Message {
  id: string;
  parent: string | null;
  role: 'user' | 'assistant';
  text: string;
  createdAt: number; // ms since 1970
  attachments?: Attachment[];
  timing?: Timing;
  stopped?: boolean; // ended before the model did: by the user, or because page or server went away
  cut?: boolean; // the model would have gone on: the longest answer or the context's end was reached
  error?: string;
}

export interface Conversation {
  id: string;
  title: string;
  createdAt: number;
  updatedAt: number;
  messages: Record<string, Message>;
  leaf: string | null;
}

const kTitleChars = 60;

export function newConversation(): Conversation {
  const now = Date.now();
  return { id: newId(), title: '', createdAt: now, updatedAt: now, messages: {}, leaf: null };
}

// Adds a message behind `parent` and shows it.
export function addMessage(
  conversation: Conversation,
  parent: string | null,
  role: 'user' | 'assistant',
  text: string,
  attachments: Attachment[] = [],
): Message {
  // Two messages of one millisecond still have an order.
  let createdAt = Date.now();
  for (const other of Object.values(conversation.messages)) createdAt = Math.max(createdAt, other.createdAt + 1);
  const message: Message = { id: newId(), parent, role, text, createdAt };
  if (attachments.length > 0) message.attachments = attachments;
  conversation.messages[message.id] = message;
  conversation.leaf = message.id;
  conversation.updatedAt = Date.now();
  if (!conversation.title && role === 'user') conversation.title = titleOf(text || (attachments[0]?.name ?? ''));
  return message;
}

export function titleOf(text: string): string {
  const line = text.trim().replace(/\s+/g, ' ');
  const chars = Array.from(line); // by characters: half a surrogate pair is not a title
  return chars.length <= kTitleChars ? line : chars.slice(0, kTitleChars - 1).join('').trimEnd() + '…';
}

// From the root to the leaf. A broken or circular tree (a document from elsewhere) gives what can be walked.
export function branch(conversation: Conversation): Message[] {
  const path: Message[] = [];
  const seen = new Set<string>();
  let id = conversation.leaf;
  while (id !== null && !seen.has(id)) {
    seen.add(id);
    const message: Message | undefined = conversation.messages[id];
    if (!message) break;
    path.push(message);
    id = message.parent;
  }
  return path.reverse();
}

// Messages with the same parent and role, in the order they were written.
export function siblings(conversation: Conversation, message: Message): Message[] {
  return Object.values(conversation.messages)
    .filter((other) => other.parent === message.parent && other.role === message.role)
    .sort((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1));
}

// The newest end of the tree below a message: where a reader who turns to that sibling lands.
export function newestLeaf(conversation: Conversation, message: Message): Message {
  const seen = new Set<string>();
  let at = message;
  while (!seen.has(at.id)) {
    seen.add(at.id);
    const children = Object.values(conversation.messages).filter((other) => other.parent === at.id);
    const next = children.sort((a, b) => b.createdAt - a.createdAt)[0];
    if (!next) break;
    at = next;
  }
  return at;
}

// What the model is sent: the branch, with attachments in front of the question they belong to. An answer that never
// began is left out, and the questions around it become one: many chat templates want the roles to alternate.
export function chatMessages(path: Message[], systemPrompt: string): ChatMessage[] {
  const messages: ChatMessage[] = [];
  if (systemPrompt.trim()) messages.push({ role: 'system', content: systemPrompt });
  for (const message of path) {
    const content = contentOf(message);
    const last = messages[messages.length - 1];
    if (message.role === 'assistant' && !content) continue;
    if (last?.role === message.role) last.content += `\n\n${content}`;
    else messages.push({ role: message.role, content });
  }
  return messages;
}

function contentOf(message: Message): string {
  const parts = (message.attachments ?? []).map((file) => `File: ${file.name}\n${fenced(file.text)}`);
  if (message.text) parts.push(message.text);
  return parts.join('\n\n');
}

// A fence longer than any in the text, so that the file cannot end it.
export function fenced(text: string): string {
  let longest = 2;
  for (const run of text.match(/`{3,}/g) ?? []) longest = Math.max(longest, run.length);
  const fence = '`'.repeat(longest + 1);
  return `${fence}\n${text}${text.endsWith('\n') ? '' : '\n'}${fence}`;
}

// The union of two copies. Of one message, the finished version wins, then the longer; of title and shown branch, the newer.
export function merge(a: Conversation, b: Conversation): Conversation {
  const [older, newer] = a.updatedAt <= b.updatedAt ? [a, b] : [b, a];
  const messages: Record<string, Message> = { ...older.messages };
  for (const message of Object.values(newer.messages)) {
    const other = messages[message.id];
    messages[message.id] = other && isBetter(other, message) ? other : message;
  }
  return { ...newer, createdAt: Math.min(a.createdAt, b.createdAt), messages };
}

function isBetter(a: Message, b: Message): boolean {
  const finishedA = !a.stopped && !a.error;
  const finishedB = !b.stopped && !b.error;
  if (finishedA !== finishedB) return finishedA;
  return a.text.length > b.text.length;
}

// Reads a document that came from a file or the server. undefined: it is none of ours.
export function parseConversation(value: unknown): Conversation | undefined {
  if (!isRecord(value) || !isId(value.id) || !isRecord(value.messages)) return undefined;
  const messages: Record<string, Message> = {};
  for (const raw of Object.values(value.messages)) {
    const message = parseMessage(raw);
    if (message) messages[message.id] = message;
  }
  // Only ids that are there: "constructor" would be found in every object.
  const known = new Set(Object.keys(messages));
  for (const message of Object.values(messages)) {
    if (message.parent !== null && !known.has(message.parent)) message.parent = null;
  }
  const createdAt = numberOr(value.createdAt, Date.now());
  const leaf = typeof value.leaf === 'string' && known.has(value.leaf) ? value.leaf : null;
  return {
    id: value.id,
    title: typeof value.title === 'string' ? titleOf(value.title) : '',
    createdAt,
    updatedAt: numberOr(value.updatedAt, createdAt),
    messages,
    leaf,
  };
}

function parseMessage(value: unknown): Message | undefined {
  if (!isRecord(value) || !isId(value.id) || typeof value.text !== 'string') return undefined;
  if (value.role !== 'user' && value.role !== 'assistant') return undefined;
  const message: Message = {
    id: value.id,
    parent: typeof value.parent === 'string' ? value.parent : null,
    role: value.role,
    text: value.text,
    createdAt: numberOr(value.createdAt, 0),
  };
  if (Array.isArray(value.attachments)) message.attachments = value.attachments.filter(isAttachment);
  if (isRecord(value.timing)) message.timing = parseTiming(value.timing);
  if (value.stopped === true) message.stopped = true;
  if (value.cut === true) message.cut = true;
  if (typeof value.error === 'string') message.error = value.error;
  return message;
}

function parseTiming(value: Record<string, unknown>): Timing {
  return {
    firstTokenMs: numberOr(value.firstTokenMs, 0),
    tokensPerSecond: numberOr(value.tokensPerSecond, 0),
    tokens: numberOr(value.tokens, 0),
  };
}

function isId(value: unknown): value is string {
  return typeof value === 'string' && /^[0-9A-Za-z-]{1,64}$/.test(value);
}

function isAttachment(value: unknown): value is Attachment {
  return isRecord(value) && typeof value.name === 'string' && typeof value.text === 'string';
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function numberOr(value: unknown, otherwise: number): number {
  return typeof value === 'number' && Number.isFinite(value) ? value : otherwise;
}
