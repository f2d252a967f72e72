// One line that says how things stand: what went wrong, what is going on, or how fast the last answer was.

import type { Phase, Turn } from '../core/session';
import type { HeadsetStrings } from './strings';

export interface StatusSource {
  phase: Phase;
  turns: readonly Turn[];
  failure?: { kind: string; message: string };
}

export function failureText(failure: StatusSource['failure'], text: HeadsetStrings): string {
  switch (failure?.kind) {
    case 'away': return text.away;
    case 'locked': return text.locked;
    case 'busy': return text.busy;
    default: return failure?.message ?? '';
  }
}

export function statusOf(source: StatusSource, text: HeadsetStrings): { status: string; alarming: boolean } {
  if (source.phase === 'waiting') return { status: text.thinking, alarming: false };
  if (source.phase === 'streaming') return { status: text.writing, alarming: false };
  if (source.phase === 'failed') return { status: failureText(source.failure, text), alarming: true };
  const last = source.turns[source.turns.length - 1];
  if (last?.timing === undefined) return { status: source.turns.length === 0 ? text.hint : '', alarming: false };
  const { tokensPerSecond, firstTokenMs } = last.timing;
  return { status: text.timing(tokensPerSecond.toFixed(1), (firstTokenMs / 1000).toFixed(2)), alarming: false };
}
