// The debug readout (`?readout` in the page's address): frame times and draw calls on the panel, and the same for tests, with the
// places of all controls. Nothing of it exists without the flag.

import * as THREE from 'three';
import type { Board } from './board';
import type { FrameClock } from './frame_clock';
import type { PaintCount } from './surface';

export interface ControlPlace {
  id: string;
  /** World position of its middle, and of where the eye is. */
  at: [number, number, number];
  /** In dmm as the eye sees it, measured from the geometry. */
  width: number;
  height: number;
}

export interface Probe {
  readonly clock: FrameClock;
  readonly paint: PaintCount;
  drawCalls(): number;
  controls(): ControlPlace[];
  board(name: string): { corners: [number, number, number][]; distance: number } | undefined;
  head(): { at: [number, number, number]; gaze: [number, number, number] };
  /** What the panel's and the keyboard's widgets say. */
  labels(): Record<string, string>;
  /** How often each control was pressed. */
  readonly presses: Record<string, number>;
  layered(): boolean;
  scroll(): { position: number; end: number };
}

/** 'hidden' (`?readout=hidden`): for tests and pictures, the panel looks as it does for everyone. */
export function readoutWanted(): 'shown' | 'hidden' | undefined {
  const value = new URLSearchParams(location.search).get('readout');
  return value === null ? undefined : value === 'hidden' ? 'hidden' : 'shown';
}

export function controlsOf(boards: readonly Board[], eye: THREE.Vector3): ControlPlace[] {
  const corner = new THREE.Vector3();
  const opposite = new THREE.Vector3();
  return boards.filter((board) => board.visible).flatMap((board) => {
    const targets = [
      ...board.widgets.filter((widget) => widget.enabled && !['text', 'title', 'draft'].includes(widget.look)),
      ...board.grips,
    ];
    return targets.map(({ id, rect }): ControlPlace => {
      const at = board.worldOf(rect.x + rect.w / 2, rect.y + rect.h / 2, new THREE.Vector3());
      const distance = at.distanceTo(eye);
      const width = board.worldOf(rect.x, rect.y, corner).distanceTo(board.worldOf(rect.x + rect.w, rect.y, opposite));
      const height = board.worldOf(rect.x, rect.y, corner).distanceTo(board.worldOf(rect.x, rect.y + rect.h, opposite));
      return { id, at: at.toArray(), width: (width / distance) * 1000, height: (height / distance) * 1000 };
    });
  });
}

export function boardPlace(board: Board | undefined): { corners: [number, number, number][]; distance: number } | undefined {
  if (board === undefined || !board.visible) return undefined;
  const corners = [[0, 0], [board.width, 0], [0, board.height], [board.width, board.height]] as const;
  return { corners: corners.map(([u, v]) => board.worldOf(u, v, new THREE.Vector3()).toArray()), distance: board.distance };
}

export function publish(probe: Probe | undefined): void {
  (globalThis as { ondolHeadset?: Probe }).ondolHeadset = probe;
}
