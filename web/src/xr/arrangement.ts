// Where the boards stand in the room, and which of them are there: the panel before the eyes when the session begins or the reader
// recentres it, the keyboard under it, both where they were carried. Keeps the panel's own layer, which has the panel's size.

import * as THREE from 'three';
import type { Board } from './board';
import type { Keyboard } from './keyboard';
import { PanelLayer } from './layers';
import type { Panel } from './panel';
import { placeInFront, placeKeyboard, type Head } from './placement';

export class Arrangement {
  readonly head: Head = { position: new THREE.Vector3(), gaze: new THREE.Vector3(0, 0, -1) };
  /** Nearest first: what a pointer can hit. */
  readonly shown: Board[] = [];
  /** The panel stays where it is: it can be neither carried nor recentred by the headset. */
  pinned = false;
  private placed = false;
  private layer?: PanelLayer;

  constructor(
    private readonly renderer: THREE.WebGLRenderer,
    private readonly xr: XRSession,
    private readonly panel: Panel,
    private readonly keyboard: Keyboard,
  ) {
    panel.board.group.visible = false; // until the head's place is known
  }

  get layered(): boolean {
    return this.layer !== undefined;
  }

  /** Call when the renderer has its session. Gives what undoes it. */
  begin(): () => void {
    const { space } = this;
    if (space === undefined) return () => undefined;
    const reset = (): void => {
      if (!this.pinned) this.placed = false; // the headset's own "recentre"
    };
    space.addEventListener('reset', reset);
    this.attachLayer(space);
    return () => space.removeEventListener('reset', reset);
  }

  /** Takes the head's place, and gives the panel one if it has none. False in frames without a pose. */
  update(frame: XRFrame): boolean {
    const { space } = this;
    const pose = space === undefined ? undefined : frame.getViewerPose(space);
    if (pose === undefined || pose === null) return false;
    const m = pose.transform.matrix;
    this.head.position.set(m[12] ?? 0, m[13] ?? 0, m[14] ?? 0);
    this.head.gaze.set(-(m[8] ?? 0), -(m[9] ?? 0), -(m[10] ?? 0)).normalize();
    if (!this.placed) this.recentre();
    this.listShown();
    return true;
  }

  /** Once per frame, after the panel was painted. */
  show(frame: XRFrame): void {
    this.layer?.update(frame);
  }

  recentre(): void {
    placeInFront(this.panel.board, this.head);
    this.panel.board.group.visible = true;
    this.placed = true;
    this.followPanel();
  }

  /** The keyboard belongs under the panel, wherever that was carried. */
  followPanel(): void {
    if (this.keyboard.board.visible) placeKeyboard(this.keyboard.board, this.panel.board, this.head);
  }

  /** In dmm. The upper left corner stays. */
  resize(width: number, height: number): void {
    const { board } = this.panel;
    const corner = board.worldOf(0, 0, new THREE.Vector3());
    this.panel.resize(width, height);
    const moved = board.worldOf(0, 0, new THREE.Vector3());
    board.moveTo(board.group.position.clone().add(corner.sub(moved)), board.distance);
    this.relayer();
    this.followPanel();
  }

  dispose(): void {
    this.layer?.dispose();
  }

  private get space(): XRReferenceSpace | undefined {
    return this.renderer.xr.getReferenceSpace() ?? undefined;
  }

  private attachLayer(space: XRReferenceSpace): void {
    this.layer = PanelLayer.attach(this.renderer, this.xr, space, this.panel.board);
  }

  private relayer(): void {
    const { space } = this;
    if (this.layer === undefined) return;
    this.layer.dispose();
    this.layer = undefined;
    if (space !== undefined) this.attachLayer(space);
  }

  private listShown(): void {
    this.shown.length = 0;
    if (this.keyboard.board.visible) this.shown.push(this.keyboard.board);
    if (this.panel.board.visible) this.shown.push(this.panel.board);
  }
}
