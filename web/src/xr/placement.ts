// Where boards stand: in front of the eyes when they appear, then fixed in the room. Pure geometry over three.js vectors.
// Angles follow the gaze at that moment; roll never does, so that text stays level.

import * as THREE from 'three';
import type { Board } from './board';
import { kDistance } from './theme';

export interface Head {
  position: THREE.Vector3;
  /** Unit vector of the gaze. */
  gaze: THREE.Vector3;
}

const kDegree = Math.PI / 180;
/** The panel's middle lies a little below the gaze: there eyes rest, and the handles below it stay within 20 degrees. */
const kPanelDrop = 2 * kDegree;
const kSteepest = 50 * kDegree;
const kUp = new THREE.Vector3(0, 1, 0);
const point = new THREE.Vector3();
const matrix = new THREE.Matrix4();
const sight = new THREE.Vector3();

export function pitchOf(direction: THREE.Vector3): number {
  return Math.asin(Math.max(-1, Math.min(1, direction.y)));
}

/** The unit vector at `yaw` of `direction` and the given pitch. Looking straight up or down has no yaw: then it is -z. */
export function atPitch(direction: THREE.Vector3, pitch: number, out: THREE.Vector3): THREE.Vector3 {
  const flat = Math.hypot(direction.x, direction.z);
  const [x, z] = flat < 1e-3 ? [0, -1] : [direction.x / flat, direction.z / flat];
  return out.set(x * Math.cos(pitch), Math.sin(pitch), z * Math.cos(pitch));
}

/** Moves the board to `position`, turned to the head, its size kept in dmm. */
export function face(board: Board, position: THREE.Vector3, head: Head): void {
  const distance = Math.max(0.3, position.distanceTo(head.position));
  matrix.lookAt(head.position, position, kUp);
  board.group.quaternion.setFromRotationMatrix(matrix);
  board.moveTo(position, distance);
}

/** In front of the gaze. */
export function placeInFront(board: Board, head: Head, distance: number = kDistance.panel): void {
  const pitch = Math.max(-kSteepest, Math.min(kSteepest, pitchOf(head.gaze))) - kPanelDrop;
  atPitch(head.gaze, pitch, sight);
  face(board, point.copy(head.position).addScaledVector(sight, distance), head);
}

/** Below the panel, within reach of the arms: as far down as the panel's lower edge, and a hand's breadth. */
export function placeKeyboard(keyboard: Board, panel: Board, head: Head): void {
  sight.copy(panel.group.position).sub(head.position).normalize();
  const down = pitchOf(sight) - Math.atan((panel.height / 2 + 60) / 1000) - Math.atan((keyboard.height / 2 + 20) / 1000);
  atPitch(sight, Math.max(-70 * kDegree, down), sight);
  face(keyboard, point.copy(head.position).addScaledVector(sight, kDistance.keyboard), head);
}

/** Captions stand under the gaze and stay there until the head has turned away from them. */
export function placeCaptions(captions: Board, head: Head): void {
  atPitch(head.gaze, Math.max(-60 * kDegree, Math.min(40 * kDegree, pitchOf(head.gaze) - 14 * kDegree)), sight);
  face(captions, point.copy(head.position).addScaledVector(sight, 1.4), head);
}

/** The angle between the gaze and the board's middle, in radians. */
export function angleFromGaze(board: Board, head: Head): number {
  return sight.copy(board.group.position).sub(head.position).angleTo(head.gaze);
}
