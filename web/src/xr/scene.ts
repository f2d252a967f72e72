// The room around the panel, and what shows where one points: beams, cursors, hands. In immersive-vr a warm floor under a calm sky
// (an ondol is a heated floor); in immersive-ar nothing but the pointers, the room is the reader's own.

import * as THREE from 'three';
import type { Pointer } from './pointers';
import type { Palette } from './theme';

const kMaxPointers = 4;
const kJoints = 25;
const kWarmest = -1.6; // z: where one looks when one enters
const kBeam = 1.2; // metres, fading out

/** Of the hand input module, which the WebXR types leave out. */
interface JointFrame {
  fillPoses(spaces: readonly XRSpace[], base: XRSpace, transforms: Float32Array): boolean;
  fillJointRadii(joints: readonly XRJointSpace[], radii: Float32Array): boolean;
}

interface Mark {
  beam: THREE.Mesh;
  cursor: THREE.Mesh;
  body: THREE.Mesh;
  hand: THREE.InstancedMesh;
  poses: Float32Array;
  radii: Float32Array;
}

export class Room {
  readonly scene = new THREE.Scene();
  private readonly marks: Mark[] = [];
  private readonly normal = new THREE.Vector3();
  private readonly kZ = new THREE.Vector3(0, 0, 1);
  private readonly joint = new THREE.Matrix4();
  private readonly disposables: { dispose(): void }[] = [];

  constructor(private readonly palette: Palette, private readonly passthrough: boolean) {
    if (!passthrough) this.addRoom();
    this.addMarks();
  }

  /** Puts beams and cursors where the pointers are. */
  show(pointers: readonly Pointer[], frame: XRFrame, space: XRReferenceSpace | null): void {
    for (let i = 0; i < kMaxPointers; i++) {
      const mark = this.marks[i];
      if (mark === undefined) continue;
      const pointer = pointers[i];
      const shown = pointer !== undefined && pointer.tracked;
      mark.beam.visible = mark.cursor.visible = mark.body.visible = mark.hand.visible = false;
      if (!shown) continue;
      this.placeBeam(mark, pointer);
      this.placeCursor(mark, pointer);
      if (!this.passthrough) this.placeHand(mark, pointer, frame, space);
    }
  }

  dispose(): void {
    for (const thing of this.disposables) thing.dispose();
  }

  private placeBeam(mark: Mark, pointer: Pointer): void {
    // Gaze has no beam: a line out of one's own eye is in the way. A touching finger needs none.
    const beam = (pointer.kind === 'controller' || pointer.kind === 'hand') && !pointer.touching;
    mark.beam.visible = beam;
    if (!beam) return;
    mark.beam.position.copy(pointer.origin);
    mark.beam.quaternion.setFromUnitVectors(this.kZ, pointer.direction);
    mark.beam.scale.set(1, 1, Math.min(kBeam, pointer.hit?.distance ?? kBeam));
    mark.beam.updateMatrixWorld();
  }

  private placeCursor(mark: Mark, pointer: Pointer): void {
    const { hit } = pointer;
    mark.cursor.visible = hit !== undefined;
    if (hit === undefined) return;
    hit.board.worldOf(hit.u, hit.v, mark.cursor.position);
    mark.cursor.quaternion.copy(hit.board.group.quaternion);
    mark.cursor.position.addScaledVector(this.normal.set(0, 0, 1).applyQuaternion(mark.cursor.quaternion), 0.006);
    mark.cursor.scale.setScalar(hit.board.distance / 1000);
    mark.cursor.updateMatrixWorld();
  }

  private placeHand(mark: Mark, pointer: Pointer, frame: XRFrame, space: XRReferenceSpace | null): void {
    if (pointer.kind === 'controller') {
      mark.body.visible = true;
      mark.body.position.copy(pointer.origin);
      mark.body.quaternion.setFromUnitVectors(this.kZ, pointer.direction);
      mark.body.updateMatrixWorld();
      return;
    }
    const joints = pointer.joints;
    const { fillPoses, fillJointRadii } = frame as Partial<JointFrame>;
    if (joints.length !== kJoints || space === null || fillPoses === undefined || fillJointRadii === undefined) return;
    if (!fillPoses.call(frame, joints, space, mark.poses)) return;
    fillJointRadii.call(frame, joints, mark.radii);
    for (let i = 0; i < kJoints; i++) {
      this.joint.fromArray(mark.poses, i * 16);
      const radius = mark.radii[i] ?? 0.008;
      this.joint.scale(this.normal.set(radius, radius, radius));
      mark.hand.setMatrixAt(i, this.joint);
    }
    mark.hand.instanceMatrix.needsUpdate = true;
    mark.hand.visible = true;
  }

  private addMarks(): void {
    const beam = beamGeometry();
    const beamMaterial = new THREE.MeshBasicMaterial({ vertexColors: true, transparent: true, depthWrite: false, toneMapped: false });
    const ring = new THREE.RingGeometry(4, 8, 24);
    const ringMaterial = new THREE.MeshBasicMaterial({ color: this.palette.paper.accent, toneMapped: false, depthTest: false, transparent: true });
    const capsule = new THREE.CapsuleGeometry(0.014, 0.09, 4, 12).rotateX(Math.PI / 2).translate(0, 0, -0.06);
    const ball = new THREE.SphereGeometry(1, 10, 8);
    const skin = new THREE.MeshBasicMaterial({ color: 0x8a7f77, toneMapped: false });
    this.disposables.push(beam, beamMaterial, ring, ringMaterial, capsule, ball, skin);
    for (let i = 0; i < kMaxPointers; i++) {
      const mark: Mark = {
        beam: new THREE.Mesh(beam, beamMaterial),
        cursor: new THREE.Mesh(ring, ringMaterial),
        body: new THREE.Mesh(capsule, skin),
        hand: new THREE.InstancedMesh(ball, skin, kJoints),
        poses: new Float32Array(16 * kJoints),
        radii: new Float32Array(kJoints),
      };
      mark.cursor.renderOrder = 10;
      mark.hand.frustumCulled = false;
      for (const mesh of [mark.beam, mark.cursor, mark.body, mark.hand]) {
        mesh.visible = false;
        mesh.matrixWorldAutoUpdate = true;
        this.scene.add(mesh);
      }
      this.disposables.push(mark.hand);
      this.marks.push(mark);
    }
  }

  private addRoom(): void {
    const { room } = this.palette;
    const sky = new THREE.SphereGeometry(40, 32, 16);
    const floor = new THREE.RingGeometry(0.01, 12, 48, 3).rotateX(-Math.PI / 2);
    const skyMaterial = shader(kSkyFragment, { zenith: room.zenith, horizon: room.horizon });
    skyMaterial.side = THREE.BackSide;
    skyMaterial.depthWrite = false;
    const floorMaterial = shader(kFloorFragment, { floorColor: room.floor, horizon: room.horizon, ember: room.ember });
    const skyMesh = new THREE.Mesh(sky, skyMaterial);
    skyMesh.renderOrder = -2;
    const floorMesh = new THREE.Mesh(floor, floorMaterial);
    floorMesh.renderOrder = -1;
    floorMesh.position.z = kWarmest; // no vertex straight below the eye: some rasterisers lose what has w = 0
    this.scene.add(skyMesh, floorMesh);
    this.disposables.push(sky, floor, skyMaterial, floorMaterial);
  }
}

function beamGeometry(): THREE.BufferGeometry {
  const geometry = new THREE.CylinderGeometry(0.0012, 0.0022, 1, 8, 1, true).rotateX(Math.PI / 2).translate(0, 0, 0.5);
  const positions = geometry.getAttribute('position');
  const colors = new Float32Array(positions.count * 4);
  for (let i = 0; i < positions.count; i++) colors.set([1, 1, 1, 0.75 - 0.7 * positions.getZ(i)], i * 4);
  geometry.setAttribute('color', new THREE.BufferAttribute(colors, 4));
  return geometry;
}

function shader(fragment: string, colors: Record<string, number>): THREE.ShaderMaterial {
  const uniforms = Object.fromEntries(Object.entries(colors).map(([name, hex]) => [name, { value: new THREE.Color(hex) }]));
  return new THREE.ShaderMaterial({ vertexShader: kVertex, fragmentShader: fragment, uniforms, toneMapped: false });
}

const kVertex = `
varying vec3 place;
void main() {
  vec4 world = modelMatrix * vec4(position, 1.0);
  place = world.xyz;
  gl_Position = projectionMatrix * viewMatrix * world;
}`;

// A little noise keeps dark gradients from banding.
const kDither = `
float grain(vec2 p) { return fract(sin(dot(p, vec2(12.9898, 78.233))) * 43758.5453) / 255.0; }`;

const kSkyFragment = `
uniform vec3 zenith;
uniform vec3 horizon;
varying vec3 place;
${kDither}
void main() {
  float up = clamp(normalize(place).y, 0.0, 1.0);
  gl_FragColor = vec4(mix(horizon, zenith, pow(up, 0.55)) + grain(gl_FragCoord.xy), 1.0);
  #include <colorspace_fragment>
}`;

// Broad sheets of papered floor, warm where the flue runs: in front of where one stands.
const kFloorFragment = `
uniform vec3 floorColor;
uniform vec3 horizon;
uniform vec3 ember;
varying vec3 place;
${kDither}
void main() {
  vec2 sheet = abs(fract(place.xz / 0.9) - 0.5);
  vec2 width = fwidth(place.xz / 0.9) * 1.2;
  vec2 seam = smoothstep(vec2(0.5) - width - 0.006, vec2(0.5), sheet);
  vec2 off = place.xz - vec2(0.0, -2.4);
  float warmth = exp(-dot(off, off) / 9.0);
  float far = length(place.xz);
  vec3 color = mix(floorColor, ember, 0.7 * warmth);
  color *= 1.0 - 0.3 * max(seam.x, seam.y) * exp(-far / 6.0);
  color = mix(color, horizon, smoothstep(5.0, 11.5, far));
  gl_FragColor = vec4(color + grain(gl_FragCoord.xy), 1.0);
  #include <colorspace_fragment>
}`;
