// One conversation with one model: the state machine that every shell shows.
//
//   idle -> waiting (sent) -> streaming (first text) -> idle | failed
//
// Only one answer is under way; opening another conversation stops it. The text so far is stored about once a second,
// marked as stopped until its end has come: a page or a server that dies leaves what was said.

import { ApiError, type Api, type Usage } from './api';
import {
  addMessage,
  branch,
  chatMessages,
  merge,
  newConversation,
  newestLeaf,
  siblings,
  titleOf,
  type Attachment,
  type Conversation,
  type Message,
  type Timing,
} from './conversation';
import type { Settings } from './settings';
import type { ConversationStore } from './store';

export type Phase = 'idle' | 'waiting' | 'streaming' | 'failed';

// Why the last answer failed, for shells to say in the user's language.
export type FailureKind = 'away' | 'locked' | 'busy' | 'refused';

export interface Failure {
  kind: FailureKind;
  message: string; // the server's own words, or ours in English
  retryAfter?: number; // seconds
}

export interface Turn {
  id: string;
  role: 'user' | 'assistant';
  text: string;
  attachments?: Attachment[];
  timing?: Timing;
  siblings: number; // how many there are, this one included
  sibling: number; // which of them this is, from 0
  error?: string;
  stopped?: boolean;
  cut?: boolean;
}

export type Change =
  | { type: 'phase' }
  | { type: 'turns' } // the branch shown is another
  | { type: 'text'; turnId: string; text: string; at: number }; // `text` was added to the turn's text

const kSaveEveryMs = 1000;

interface Answer {
  message: Message;
  abort: AbortController;
  done: Promise<void>;
}

export class ChatSession {
  private conversation: Conversation = newConversation();
  private answer?: Answer;
  private currentPhase: Phase = 'idle';
  private lastFailure?: Failure;
  private shown: Turn[] = [];
  private readonly listeners = new Set<(change: Change) => void>();

  constructor(
    readonly api: Api,
    readonly store: ConversationStore,
    readonly settings: Settings,
  ) {}

  get phase(): Phase {
    return this.currentPhase;
  }

  get failure(): Failure | undefined {
    return this.lastFailure;
  }

  get turns(): Turn[] {
    return this.shown;
  }

  get id(): string {
    return this.conversation.id;
  }

  get title(): string {
    return this.conversation.title;
  }

  get busy(): boolean {
    return this.answer !== undefined;
  }

  on(listener: (change: Change) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  // Shows a stored conversation, or a new one. An unknown id gives a new one too.
  async open(id?: string): Promise<void> {
    await this.settle();
    const stored = id === undefined ? undefined : await this.store.get(id);
    this.conversation = stored ?? newConversation();
    const last = branch(this.conversation).pop();
    this.lastFailure = last?.error === undefined ? undefined : { kind: 'refused', message: last.error };
    this.showTurns();
    this.setPhase(this.lastFailure ? 'failed' : 'idle');
  }

  // Takes up what another tab or the server added to this conversation; never while an answer is under way.
  async refresh(): Promise<void> {
    const id = this.conversation.id;
    if (this.answer) return;
    const stored = await this.store.get(id);
    if (!stored || this.answer || this.conversation.id !== id || stored.updatedAt <= this.conversation.updatedAt) return;
    const { leaf } = this.conversation;
    const goesOn = leaf === null || branch(stored).some((message) => message.id === leaf);
    this.conversation = merge(stored, this.conversation);
    if (!goesOn) this.conversation.leaf = leaf; // the reader stays on the branch that is shown
    this.showTurns();
  }

  async send(text: string, attachments: Attachment[] = []): Promise<void> {
    if (this.answer || (!text.trim() && attachments.length === 0)) return;
    const question = addMessage(this.conversation, this.conversation.leaf, 'user', text.trim(), attachments);
    await this.ask(question);
  }

  stop(): void {
    this.answer?.abort.abort();
  }

  // Asks again for the last answer: in its place if it is empty, else beside it.
  async retry(): Promise<void> {
    const last = branch(this.conversation).pop();
    if (!last || this.answer) return;
    if (last.role === 'user') return this.ask(last);
    if (last.text) return this.regenerate(last.id);
    const question = last.parent === null ? undefined : this.conversation.messages[last.parent];
    if (question) await this.ask(question, last);
  }

  // Another answer beside this one.
  async regenerate(turnId: string): Promise<void> {
    const message = this.conversation.messages[turnId];
    if (this.answer || message?.role !== 'assistant' || message.parent === null) return;
    const question = this.conversation.messages[message.parent];
    if (question) await this.ask(question);
  }

  // The question again in other words, beside the old one, and its answer.
  async edit(turnId: string, text: string): Promise<void> {
    const message = this.conversation.messages[turnId];
    if (this.answer || message?.role !== 'user' || !text.trim()) return;
    await this.ask(addMessage(this.conversation, message.parent, 'user', text.trim(), message.attachments));
  }

  showSibling(turnId: string, delta: 1 | -1): void {
    const message = this.conversation.messages[turnId];
    if (this.answer || !message) return;
    const all = siblings(this.conversation, message);
    const next = all[all.indexOf(message) + delta];
    if (!next) return;
    this.conversation.leaf = newestLeaf(this.conversation, next).id;
    this.conversation.updatedAt = Date.now();
    this.showTurns();
    const error = branch(this.conversation).pop()?.error;
    this.lastFailure = error === undefined ? undefined : { kind: 'refused', message: error };
    this.setPhase(error === undefined ? 'idle' : 'failed');
    void this.save();
  }

  async rename(title: string): Promise<void> {
    this.conversation.title = titleOf(title);
    this.conversation.updatedAt = Date.now();
    if (this.conversation.leaf !== null) await this.save();
  }

  // A copy of the whole conversation, for export.
  snapshot(): Conversation {
    return JSON.parse(JSON.stringify(this.conversation)) as Conversation;
  }

  private async settle(): Promise<void> {
    const answer = this.answer;
    if (!answer) return;
    answer.abort.abort();
    await answer.done;
  }

  private async ask(question: Message, emptyAnswer?: Message): Promise<void> {
    this.conversation.leaf = question.id;
    const path = branch(this.conversation);
    const message = emptyAnswer ?? addMessage(this.conversation, question.id, 'assistant', '');
    delete message.error;
    delete message.cut;
    message.stopped = true; // until its end has come
    this.conversation.leaf = message.id;
    this.conversation.updatedAt = Date.now();
    this.lastFailure = undefined;
    const abort = new AbortController();
    const answer: Answer = { message, abort, done: Promise.resolve() };
    this.answer = answer;
    answer.done = this.receive(answer, path);
    this.showTurns();
    this.setPhase('waiting');
    await answer.done;
  }

  // Runs one answer to its end, whichever that is. Never throws.
  private async receive(answer: Answer, path: Message[]): Promise<void> {
    const clock = new AnswerClock();
    const saver = setInterval(() => void this.save(), kSaveEveryMs);
    try {
      await this.save();
      const messages = chatMessages(path, this.settings.systemPrompt);
      const { model, sampling } = this.settings;
      for await (const event of this.api.chat(model, messages, sampling, answer.abort.signal)) {
        if (event.type === 'end') {
          delete answer.message.stopped;
          if (event.reason === 'length') answer.message.cut = true;
          clock.end(event.usage);
        } else {
          clock.text(event.at);
          this.addText(answer.message, event.text, event.at);
        }
      }
    } catch (error) {
      if (!answer.abort.signal.aborted) this.fail(answer.message, error);
    } finally {
      clearInterval(saver);
    }
    answer.message.timing = clock.timing();
    this.answer = undefined;
    this.conversation.updatedAt = Date.now();
    await this.save();
    this.showTurns();
    this.setPhase(this.lastFailure ? 'failed' : 'idle');
  }

  private addText(message: Message, text: string, at: number): void {
    message.text += text;
    const turn = this.shown[this.shown.length - 1];
    if (turn?.id === message.id) turn.text = message.text;
    if (this.currentPhase === 'waiting') this.setPhase('streaming');
    this.emit({ type: 'text', turnId: message.id, text, at });
  }

  private fail(message: Message, error: unknown): void {
    const text = error instanceof Error ? error.message : String(error);
    message.error = text;
    this.lastFailure = { kind: 'refused', message: text };
    if (!(error instanceof ApiError)) return;
    this.lastFailure.retryAfter = error.retryAfter;
    if (error.status === 0) this.lastFailure.kind = 'away';
    if (error.status === 401 || error.status === 403) this.lastFailure.kind = 'locked';
    if (error.status === 429 || error.status === 503) this.lastFailure.kind = 'busy';
  }

  private async save(): Promise<void> {
    try {
      await this.store.put(this.conversation);
    } catch {
      // A full disk must not end the conversation; it goes on in this page.
    }
  }

  private showTurns(): void {
    this.shown = branch(this.conversation).map((message) => this.turnOf(message));
    this.emit({ type: 'turns' });
  }

  private turnOf(message: Message): Turn {
    const all = siblings(this.conversation, message);
    return {
      id: message.id,
      role: message.role,
      text: message.text,
      attachments: message.attachments,
      timing: message.timing,
      siblings: all.length,
      sibling: all.indexOf(message),
      error: message.error,
      stopped: message.stopped && this.answer?.message !== message,
      cut: message.cut,
    };
  }

  private setPhase(phase: Phase): void {
    if (phase === this.currentPhase) return;
    this.currentPhase = phase;
    this.emit({ type: 'phase' });
  }

  private emit(change: Change): void {
    for (const listener of Array.from(this.listeners)) listener(change);
  }
}

// Times an answer from the sending of its question. Tokens are the server's count; of an answer that was cut off,
// the pieces that came, since the server sends at most one for each token.
class AnswerClock {
  private readonly sentAt = performance.now();
  private firstAt?: number;
  private lastAt = 0;
  private pieces = 0;
  private usage?: Usage;

  text(at: number): void {
    this.firstAt ??= at;
    this.lastAt = at;
    this.pieces++;
  }

  end(usage?: Usage): void {
    this.usage = usage;
  }

  timing(): Timing | undefined {
    if (this.firstAt === undefined) return undefined;
    const tokens = this.usage?.completion ?? this.pieces;
    const seconds = (this.lastAt - this.firstAt) / 1000;
    return {
      firstTokenMs: this.firstAt - this.sentAt,
      tokensPerSecond: seconds > 0 && tokens > 1 ? (tokens - 1) / seconds : 0,
      tokens,
    };
  }
}
