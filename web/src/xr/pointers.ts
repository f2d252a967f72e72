// Everything one can point with, as rays: controllers, hands, gaze-and-pinch (transient pointers), a phone's screen. And hands that
// come near a board as fingertips. Poses are read once per frame; presses are taken when the browser reports them, with the pose of
// that very moment, so that the quickest click is not lost between two frames.
// Owner: the app. Thread: the page's own.

import * as THREE from 'three';
import type { Hit } from './board';

export type PointerKind = 'controller' | 'hand' | 'transient' | 'screen';

export interface Pointer {
  source: XRInputSource;
  kind: PointerKind;
  tracked: boolean; // has a pose in this frame
  origin: THREE.Vector3;
  direction: THREE.Vector3;
  grip: THREE.Vector3; // where the hand itself is; the ray's origin where that is unknown
  tip?: THREE.Vector3; // index fingertip
  readonly joints: readonly XRJointSpace[]; // of a hand, in the standard's order
  hit?: Hit; // what it points at, or touches
  readonly hitStore: Hit;
  touching: boolean; // the fingertip is near a board: it counts, not the ray
  touchDown: boolean;
}

export interface PointerListener {
  down(pointer: Pointer): void;
  up(pointer: Pointer): void;
  squeeze(pointer: Pointer, held: boolean): void;
  gone(pointer: Pointer): void;
}

function kindOf(source: XRInputSource): PointerKind {
  if (source.targetRayMode === 'transient-pointer') return 'transient';
  if (source.targetRayMode === 'screen') return 'screen';
  return source.hand === undefined || source.hand === null ? 'controller' : 'hand';
}

function jointsOf(source: XRInputSource): XRJointSpace[] {
  return Array.from((source.hand?.values() ?? []) as Iterable<XRJointSpace>);
}

export class Pointers {
  /** Ordered as the session lists them; transient ones live for one pinch. */
  readonly list: Pointer[] = [];
  private readonly bySource = new Map<XRInputSource, Pointer>();
  private readonly undo: (() => void)[] = [];

  constructor(private readonly session: XRSession, private readonly space: () => XRReferenceSpace | null, private readonly listener: PointerListener) {
    const on = (type: string, handler: (event: XRInputSourceEvent) => void): void => {
      session.addEventListener(type as 'select', handler);
      this.undo.push(() => session.removeEventListener(type as 'select', handler));
    };
    on('selectstart', (event) => this.press(event, (pointer) => listener.down(pointer)));
    on('selectend', (event) => this.press(event, (pointer) => listener.up(pointer)));
    on('squeezestart', (event) => this.press(event, (pointer) => listener.squeeze(pointer, true)));
    on('squeezeend', (event) => this.press(event, (pointer) => listener.squeeze(pointer, false)));
  }

  /** Poses of this frame. */
  update(frame: XRFrame): void {
    const space = this.space();
    if (space === null) return;
    this.dropAbsent();
    const sources = this.session.inputSources;
    for (let i = 0; i < sources.length; i++) {
      const source = sources[i];
      if (source !== undefined) this.pose(this.of(source), frame, space);
    }
  }

  dispose(): void {
    for (const undo of this.undo) undo();
  }

  private press(event: XRInputSourceEvent, act: (pointer: Pointer) => void): void {
    const pointer = this.of(event.inputSource);
    const space = this.space();
    // A finger that touches the board presses by itself; the pinch that the same hand may make meanwhile is not meant.
    if (pointer.touching) return;
    if (space !== null) this.poseAt(pointer, event.frame, space);
    act(pointer);
  }

  private poseAt(pointer: Pointer, frame: XRFrame, space: XRReferenceSpace): void {
    try {
      this.pose(pointer, frame, space);
    } catch {
      // The event's frame is no longer active (a browser's liberty): the last pose is at most one frame old.
    }
  }

  private of(source: XRInputSource): Pointer {
    let pointer = this.bySource.get(source);
    if (pointer === undefined) {
      const hitStore = { u: 0, v: 0, distance: 0 } as Hit;
      pointer = {
        source, kind: kindOf(source), joints: jointsOf(source), tracked: false, hitStore, touching: false, touchDown: false,
        origin: new THREE.Vector3(), direction: new THREE.Vector3(0, 0, -1), grip: new THREE.Vector3(),
      };
      this.bySource.set(source, pointer);
      this.list.push(pointer);
    }
    return pointer;
  }

  private dropAbsent(): void {
    for (let i = this.list.length - 1; i >= 0; i--) {
      const pointer = this.list[i];
      if (pointer === undefined || this.isListed(pointer.source)) continue;
      this.list.splice(i, 1);
      this.bySource.delete(pointer.source);
      this.listener.gone(pointer);
    }
  }

  private isListed(source: XRInputSource): boolean {
    const sources = this.session.inputSources;
    for (let i = 0; i < sources.length; i++) if (sources[i] === source) return true;
    return false;
  }

  private pose(pointer: Pointer, frame: XRFrame, space: XRReferenceSpace): void {
    const { source } = pointer;
    const ray = frame.getPose(source.targetRaySpace, space);
    pointer.tracked = ray !== undefined && ray !== null;
    if (ray !== undefined && ray !== null) {
      const m = ray.transform.matrix;
      pointer.origin.set(m[12] ?? 0, m[13] ?? 0, m[14] ?? 0);
      pointer.direction.set(-(m[8] ?? 0), -(m[9] ?? 0), -(m[10] ?? 0)).normalize();
    }
    const grip = source.gripSpace === undefined || source.gripSpace === null ? undefined : frame.getPose(source.gripSpace, space);
    if (grip === undefined || grip === null) pointer.grip.copy(pointer.origin);
    else pointer.grip.set(grip.transform.position.x, grip.transform.position.y, grip.transform.position.z);
    this.poseTip(pointer, frame, space);
  }

  private poseTip(pointer: Pointer, frame: XRFrame, space: XRReferenceSpace): void {
    const joint = pointer.source.hand?.get('index-finger-tip');
    const pose = joint === undefined ? undefined : frame.getJointPose?.(joint, space);
    if (pose === undefined || pose === null) {
      pointer.tip = undefined;
      return;
    }
    pointer.tip ??= new THREE.Vector3();
    pointer.tip.set(pose.transform.position.x, pose.transform.position.y, pose.transform.position.z);
  }
}
