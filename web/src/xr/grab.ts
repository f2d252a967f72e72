// Carrying a board by a ray: it keeps its place on the ray, swings with it, and turns to the reader. The hand's way along the ray,
// amplified, and the thumbstick bring it nearer or farther. Sizes in dmm stay; only the distance changes.

import * as THREE from 'three';
import type { Board } from './board';
import { face, type Head } from './placement';
import type { Pointer } from './pointers';
import { kDistance } from './theme';

const kReach = 5; // metres of the board for one metre of the hand

export class Grab {
  private readonly offset = new THREE.Vector3(); // from the ray's origin to the board's middle, at the start
  private readonly direction = new THREE.Vector3();
  private readonly hand = new THREE.Vector3();
  private readonly turn = new THREE.Quaternion();
  private readonly target = new THREE.Vector3();
  private pushed = 0;

  constructor(readonly pointer: Pointer, readonly board: Board) {
    this.offset.copy(board.group.position).sub(pointer.origin);
    this.direction.copy(pointer.direction);
    this.hand.copy(pointer.grip);
  }

  /** `stick` is the thumbstick's y, up is negative. */
  update(head: Head, stick: number, seconds: number): void {
    const { pointer } = this;
    this.pushed -= stick * 1.5 * seconds;
    const reach = this.target.copy(pointer.grip).sub(this.hand).dot(pointer.direction);
    this.turn.setFromUnitVectors(this.direction, pointer.direction);
    this.target.copy(this.offset).applyQuaternion(this.turn).add(pointer.origin);
    this.target.addScaledVector(pointer.direction, reach * kReach + this.pushed);
    this.clampDistance(head);
    face(this.board, this.target, head);
  }

  private clampDistance(head: Head): void {
    this.target.sub(head.position);
    const distance = this.target.length();
    if (distance < 1e-3) this.target.copy(head.gaze);
    this.target.setLength(Math.max(kDistance.nearest, Math.min(kDistance.farthest, distance || 1)));
    this.target.add(head.position);
  }
}
