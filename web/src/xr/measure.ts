// Widths of text in a font, remembered: the same words come again and again while an answer grows.

import type { Measure } from './inline';

const kWidthsKept = 4000; // per font

export function canvasMeasure(): Measure {
  const context = document.createElement('canvas').getContext('2d');
  if (context === null) throw new Error('no 2D canvas');
  const fonts = new Map<string, Map<string, number>>();
  return (text, face) => {
    let widths = fonts.get(face);
    if (widths === undefined) fonts.set(face, (widths = new Map()));
    const known = widths.get(text);
    if (known !== undefined) return known;
    if (context.font !== face) context.font = face;
    const { width } = context.measureText(text);
    if (widths.size >= kWidthsKept) widths.clear();
    widths.set(text, width);
    return width;
  };
}
