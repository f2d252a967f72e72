// Where the focus goes when an arrow is pressed: geometry alone, no DOM, so that it can be tested as numbers.

export type Direction = 'left' | 'right' | 'up' | 'down';

export interface Box {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

// Rounded corners, borders and scaled text make neighbours overlap by a pixel or two.
const kSlack = 6;

interface Span {
  start: number;
  end: number;
}

export function isVertical(direction: Direction): boolean {
  return direction === 'up' || direction === 'down';
}

function across(box: Box, direction: Direction): Span {
  return isVertical(direction) ? { start: box.left, end: box.right } : { start: box.top, end: box.bottom };
}

export function middle(box: Box, direction: Direction): number {
  const span = across(box, direction);
  return (span.start + span.end) / 2;
}

// How far the candidate lies ahead; negative when it is not ahead at all.
function lead(from: Box, to: Box, direction: Direction): number {
  switch (direction) {
    case 'left': return from.left - to.right;
    case 'right': return to.left - from.right;
    case 'up': return from.top - to.bottom;
    case 'down': return to.top - from.bottom;
  }
}

function overlap(a: Span, b: Span): boolean {
  return a.start < b.end - kSlack && b.start < a.end - kSlack;
}

function distance(at: number, span: Span): number {
  return Math.max(span.start - at, at - span.end, 0);
}

// The index of the best candidate, -1 when none lies that way. `goal` is where on the other axis the walk
// began: going down over a wide key and on must come out in the column where one started.
function ahead(from: Box, others: Box[], direction: Direction, goal: number, beamOnly: boolean): number {
  const own = across(from, direction);
  let best = -1;
  let bestScore = Infinity;
  let bestInBeam = false;
  others.forEach((to, index) => {
    const gap = lead(from, to, direction);
    if (gap < -kSlack) return;
    const span = across(to, direction);
    const inBeam = overlap(own, span);
    if (!inBeam && (beamOnly || bestInBeam)) return;
    const aside = distance(goal, span);
    const centre = Math.abs(goal - (span.start + span.end) / 2) / 1000;  // breaks ties only
    const score = Math.max(gap, 0) + aside * (inBeam ? 0.5 : 3) + centre;
    if ((inBeam && !bestInBeam) || score < bestScore) {
      best = index;
      bestScore = score;
      bestInBeam = inBeam;
    }
  });
  return best;
}

// The box as if it stood beyond everything on the other side: what lies ahead of it then is where a walk
// that goes round comes out.
function beyond(from: Box, others: Box[], direction: Direction): Box {
  const all = others.concat([from]);
  const width = from.right - from.left;
  const height = from.bottom - from.top;
  const edge = (pick: (box: Box) => number, farthest: (...values: number[]) => number) => farthest(...all.map(pick));
  switch (direction) {
    case 'right': { const x = edge((b) => b.left, Math.min); return { ...from, left: x - width, right: x }; }
    case 'left': { const x = edge((b) => b.right, Math.max); return { ...from, left: x, right: x + width }; }
    case 'down': { const y = edge((b) => b.top, Math.min); return { ...from, top: y - height, bottom: y }; }
    case 'up': { const y = edge((b) => b.bottom, Math.max); return { ...from, top: y, bottom: y + height }; }
  }
}

// Ahead in the beam, else ahead and aside, else round to the far end of the same row or column.
export function neighbour(from: Box, others: Box[], direction: Direction, goal: number): number {
  const straight = ahead(from, others, direction, goal, false);
  if (straight >= 0) return straight;
  return ahead(beyond(from, others, direction), others, direction, goal, true);
}
