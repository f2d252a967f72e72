// Answers read aloud: on request, and by itself after each answer where the settings say so. One voice at a time.

import { speak } from '../core/voice';

export class Reading {
  private silence?: () => void;

  constructor(private readonly language: string) {}

  get speaking(): boolean {
    return this.silence !== undefined && speechSynthesis.speaking;
  }

  /** Gives false where this browser has no voices. */
  read(text: string): boolean {
    this.silence = speak(text, this.language);
    return this.silence !== undefined;
  }

  stop(): void {
    this.silence?.();
    this.silence = undefined;
  }
}
