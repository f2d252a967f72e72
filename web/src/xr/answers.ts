// Asking, and having answers read aloud: what the panel's buttons do with the conversation. A new question ends the reading.

import { Reading } from './reading';
import type { ChatSession, Turn } from '../core/session';
import type { Settings } from '../core/settings';

export class Answers {
  private readonly reading: Reading;
  private wasStreaming = false;

  constructor(private readonly session: ChatSession, private readonly settings: Settings) {
    this.reading = new Reading(settings.language);
  }

  get last(): Turn | undefined {
    const { turns } = this.session;
    return turns[turns.length - 1];
  }

  get speaking(): boolean {
    return this.reading.speaking;
  }

  ask(text: string): void {
    this.reading.stop();
    void this.session.send(text);
  }

  again(): void {
    this.reading.stop();
    void this.session.retry();
  }

  /** Starts or stops to read the last answer. Gives false where this browser has no voices. */
  toggleReading(): boolean {
    if (this.reading.speaking) {
      this.reading.stop();
      return true;
    }
    return this.last === undefined || this.reading.read(this.last.text);
  }

  /** Call at each change of the session's phase: reads what was finished, where the settings say so. */
  phaseChanged(): void {
    const { last } = this;
    const finished = this.session.phase === 'idle' && last?.role === 'assistant' && last.stopped !== true && this.wasStreaming;
    this.wasStreaming = this.session.phase === 'streaming';
    if (finished && this.settings.readAloud) this.reading.read(last.text);
  }

  dispose(): void {
    this.reading.stop();
  }
}
