import { describe, expect, it } from 'vitest';
import * as THREE from 'three';
import type { Board } from '../../src/xr/board';
import { FrameClock } from '../../src/xr/frame_clock';
import { Grab } from '../../src/xr/grab';
import { angleFromGaze, placeInFront, type Head } from '../../src/xr/placement';
import type { Pointer } from '../../src/xr/pointers';
import { Scroll } from '../../src/xr/scroll';
import { firstLine } from '../../src/xr/surface';
import { makeWidget, setWidget, widgetAt } from '../../src/xr/widgets';

/** Of a board, what placement uses: it moves and scales a group. */
function bareBoard(): Board {
  const group = new THREE.Group();
  return {
    group, width: 640, height: 500,
    moveTo(position: THREE.Vector3, distance: number) {
      group.position.copy(position);
      group.scale.setScalar(distance / 1000);
      group.updateMatrixWorld(true);
    },
  } as unknown as Board;
}

function headAt(gaze: [number, number, number]): Head {
  return { position: new THREE.Vector3(0.3, 1.5, -0.2), gaze: new THREE.Vector3(...gaze).normalize() };
}

describe('placement', () => {
  it.each([[[0, 0, -1]], [[1, 0, 0]], [[0.3, -0.4, 0.8]], [[-0.5, 0.3, -0.5]]] as [number, number, number][][])('stands in front of the gaze %j, level, facing the eyes', (gaze) => {
    const [board, head] = [bareBoard(), headAt(gaze)];
    placeInFront(board, head);
    expect(board.group.position.distanceTo(head.position)).toBeCloseTo(1.6, 5);
    expect(angleFromGaze(board, head) * 180 / Math.PI).toBeLessThan(3);
    const normal = new THREE.Vector3(0, 0, 1).applyQuaternion(board.group.quaternion);
    expect(normal.dot(head.position.clone().sub(board.group.position).normalize())).toBeCloseTo(1, 4);
    const right = new THREE.Vector3(1, 0, 0).applyQuaternion(board.group.quaternion);
    expect(right.y).toBeCloseTo(0, 5);
  });

  it('has an answer for a gaze straight down', () => {
    const board = bareBoard();
    placeInFront(board, headAt([0, -1, 0]));
    for (const value of board.group.position.toArray()) expect(Number.isFinite(value)).toBe(true);
  });
});

describe('grab', () => {
  const pointer = (): Pointer => ({ origin: new THREE.Vector3(0.2, 1.2, -0.2), direction: new THREE.Vector3(0, 0.2, -1).normalize(), grip: new THREE.Vector3() } as Pointer);

  it('swings with the ray, keeps size in dmm and stays between the nearest and the farthest place', () => {
    const [board, head, hand] = [bareBoard(), headAt([0, 0, -1]), pointer()];
    placeInFront(board, head);
    const grab = new Grab(hand, board);
    grab.update(head, 0, 0.016);
    expect(board.group.position.distanceTo(head.position)).toBeCloseTo(1.6, 5);
    hand.direction.set(1, 0.1, -0.2).normalize();
    grab.update(head, 0, 0.016);
    expect(board.group.position.x).toBeGreaterThan(1);
    expect(board.group.scale.x * 1000).toBeCloseTo(board.group.position.distanceTo(head.position), 5);
    for (let i = 0; i < 900; i++) grab.update(head, -1, 0.016);
    expect(board.group.position.distanceTo(head.position)).toBeCloseTo(5, 5);
    for (let i = 0; i < 2000; i++) grab.update(head, 1, 0.016);
    expect(board.group.position.distanceTo(head.position)).toBeGreaterThanOrEqual(0.7499);
  });
});

describe('scrolling', () => {
  it('follows a growing text until the reader goes up, and again when the end is reached', () => {
    const scroll = new Scroll();
    scroll.setLimit(1000, 400);
    expect(scroll.position).toBe(600);
    scroll.push(-200);
    scroll.setLimit(1200, 400);
    expect(scroll.position).toBe(400);
    expect(scroll.following).toBe(false);
    scroll.push(5000);
    scroll.setLimit(1400, 400);
    expect(scroll.position).toBe(1000);
  });

  it('goes on after a drag, slows down and stops', () => {
    const scroll = new Scroll();
    scroll.setLimit(100000, 400);
    scroll.push(-50000);
    scroll.hold();
    for (let i = 0; i < 5; i++) scroll.drag(30, 1 / 72);
    scroll.letGo();
    const released = scroll.position;
    scroll.tick(1 / 72);
    expect(scroll.position).toBeGreaterThan(released + 5);
    for (let i = 0; i < 1000; i++) scroll.tick(1 / 72);
    const rest = scroll.position;
    scroll.tick(1);
    expect(scroll.position).toBe(rest);
  });

  it('never leaves the text', () => {
    const scroll = new Scroll();
    scroll.setLimit(100, 400);
    scroll.push(300);
    expect(scroll.position).toBe(0);
    scroll.setLimit(0, 0);
    scroll.drag(-1e9, 0);
    expect(scroll.position).toBe(0);
  });
});

describe('small parts', () => {
  it('finds the first line in view', () => {
    const tops = [0, 40, 90, 90, 200];
    expect([-5, 0, 39, 40, 95, 1e9].map((y) => firstLine(tops, y))).toEqual([0, 0, 0, 1, 3, 4]);
    expect(firstLine([], 10)).toBe(0);
  });

  it('refuses targets that are too small, and hits only what is enabled', () => {
    expect(() => makeWidget({ id: 'small', rect: { x: 0, y: 0, w: 40, h: 60 } })).toThrow('small');
    const widget = makeWidget({ id: 'ok', rect: { x: 10, y: 10, w: 52, h: 52 } });
    expect(widgetAt([widget], 10, 61)).toBe(widget);
    expect(widgetAt([widget], 62, 20)).toBeUndefined();
    widget.dirty = false;
    setWidget(widget, { enabled: true, label: '' });
    expect(widget.dirty).toBe(false);
    setWidget(widget, { enabled: false });
    expect([widget.dirty, widgetAt([widget], 20, 20)]).toEqual([true, undefined]);
  });

  it('the clock gives percentiles of its last frames', () => {
    const clock = new FrameClock();
    expect(clock.percentile(0.95)).toBe(0);
    for (let i = 0; i < 1000; i++) {
      clock.begin();
      clock.end();
    }
    expect(clock.frames).toBe(1000);
    expect(clock.percentile(0.95)).toBeLessThan(5);
  });
});
