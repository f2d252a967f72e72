import { describe, expect, it } from 'vitest';
import { type Box, type Direction, middle, neighbour } from '../../src/tv/geometry';

function box(left: number, top: number, width: number, height: number): Box {
  return { left, top, right: left + width, bottom: top + height };
}

// The index in `all` where the arrow leads, -1 for nowhere.
function go(all: Box[], from: number, direction: Direction, goal = middle(all[from]!, direction)): number {
  const others = all.filter((_, index) => index !== from);
  const index = neighbour(all[from]!, others, direction, goal);
  return index < 0 ? -1 : all.indexOf(others[index]!);
}

// Three columns and two rows: 0 1 2 / 3 4 5.
const kGrid = [0, 1, 2, 3, 4, 5].map((i) => box((i % 3) * 110, Math.floor(i / 3) * 60, 100, 50));

describe('arrows', () => {
  it('go to the next one in a grid, and round its ends', () => {
    expect(go(kGrid, 0, 'right')).toBe(1);
    expect(go(kGrid, 4, 'left')).toBe(3);
    expect(go(kGrid, 1, 'down')).toBe(4);
    expect(go(kGrid, 2, 'right')).toBe(0);
    expect(go(kGrid, 3, 'left')).toBe(5);
    expect(go(kGrid, 4, 'down')).toBe(1);
    expect(go(kGrid, 1, 'up')).toBe(4);
  });

  it('come out of a wide key in the column where they began', () => {
    const wide = box(0, 60, 320, 50);
    const all = [...kGrid.slice(0, 3), wide, box(0, 120, 100, 50), box(110, 120, 100, 50), box(220, 120, 100, 50)];
    const goal = middle(all[2]!, 'down');
    expect(go(all, 2, 'down', goal)).toBe(3);
    expect(go(all, 3, 'down', goal)).toBe(6);
  });

  it('prefer what is straight ahead to what is nearer but aside', () => {
    const all = [box(0, 0, 100, 50), box(120, 60, 100, 50), box(400, 0, 100, 50)];
    expect(go(all, 0, 'right')).toBe(2);
  });

  it('find what is only aside', () => {
    const all = [box(0, 0, 100, 50), box(300, 200, 100, 50)];
    expect(go(all, 0, 'right')).toBe(1);
    expect(go(all, 0, 'down')).toBe(1);
    expect(go(all, 1, 'left')).toBe(0);
  });

  it('lead nowhere from the only control, or across the only row', () => {
    expect(go([kGrid[0]!], 0, 'right')).toBe(-1);
    expect(go(kGrid.slice(0, 3), 1, 'up')).toBe(-1);
    expect(go(kGrid.slice(0, 3), 1, 'down')).toBe(-1);
  });

  it('do not mind edges that overlap by a rounded pixel', () => {
    const all = [box(0, 0, 102, 50), box(100, 0, 100, 50)];
    expect(go(all, 0, 'right')).toBe(1);
    expect(go(all, 1, 'left')).toBe(0);
  });
});
