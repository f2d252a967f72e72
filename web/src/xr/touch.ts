// Direct touch: an index fingertip against a board. Near the board the finger counts instead of the hand's ray; going through the
// plane presses, drawing back lets go. The two depths differ so that a trembling finger does not press twice.

import type { Board, Hit } from './board';
import type { Pointer } from './pointers';

const kNear = 0.09; // metres in front of the board: the finger takes over from the ray
const kPress = 0.002;
const kRelease = 0.014;
const kBehind = -0.08; // deeper than this it came from behind, or passed through

export type TouchChange = 'down' | 'up' | undefined;

export function touch(pointer: Pointer, boards: readonly Board[], scratch: Hit): TouchChange {
  const hit = nearest(pointer, boards, scratch);
  const wasDown = pointer.touchDown;
  if (hit === undefined) {
    pointer.touching = false;
    pointer.touchDown = false;
    return wasDown ? 'up' : undefined;
  }
  // Only a finger that was seen in front of the board can press it.
  const armed = pointer.touching;
  pointer.touching = pointer.touching || hit.distance > kPress;
  if (!pointer.touching) return undefined;
  Object.assign(pointer.hitStore, hit);
  pointer.hit = pointer.hitStore;
  if (!wasDown && armed && hit.distance <= kPress) {
    pointer.touchDown = true;
    return 'down';
  }
  if (wasDown && hit.distance >= kRelease) {
    pointer.touchDown = false;
    return 'up';
  }
  return undefined;
}

function nearest(pointer: Pointer, boards: readonly Board[], scratch: Hit): Hit | undefined {
  if (pointer.tip === undefined) return undefined;
  for (const board of boards) {
    if (board.project(pointer.tip, scratch) && scratch.distance < kNear && scratch.distance > kBehind) return scratch;
  }
  return undefined;
}
