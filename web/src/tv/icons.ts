// The TV's icons: strokes on a grid of 24, drawn as SVG elements in the colour of the text beside them.

const kPaths = {
  ask: 'M4 20h4L19 9l-4-4L4 16zM13.5 6.5l4 4',
  mic: 'M12 15a3 3 0 0 0 3-3V6a3 3 0 0 0-6 0v6a3 3 0 0 0 3 3zM6 11.5a6 6 0 0 0 12 0M12 18v3',
  stop: 'M7 7h10v10H7z',
  again: 'M19.5 12a7.5 7.5 0 1 1-2.2-5.3L20 9.4M20 4.5v5h-5',
  plus: 'M12 5v14M5 12h14',
  past: 'M12 7.5V12l3 2M4 12a8 8 0 1 0 2.6-5.9L4 8.5M4 4v4.5h4.5',
  model: 'M7 7h10v10H7zM10 3.5V7M14 3.5V7M10 17v3.5M14 17v3.5M3.5 10H7M3.5 14H7M17 10h3.5M17 14h3.5',
  settings: 'M4 7h9M17 7h3M4 17h3M11 17h9M15 5v4M9 15v4',
  back: 'M19 12H5M11 6l-6 6 6 6',
  erase: 'M9 6h11v12H9l-5-6zM12 10l4 4M16 10l-4 4',
  space: 'M4 10v5h16v-5',
  shift: 'M12 4l7 8h-4v7H9v-7H5z',
  trash: 'M5 7h14M10 7V4.5h4V7M7 7l1 12.5h8L17 7M10.5 11v5M13.5 11v5',
  check: 'M5 12.5l4.5 4.5L19 7.5',
  previous: 'M14.5 6l-6 6 6 6',
  next: 'M9.5 6l6 6-6 6',
  leave: 'M10 4.5H5v15h5M9.5 12H20M16 8l4 4-4 4',
  server: 'M5 5h14v5H5zM5 14h14v5H5zM8 7.5h.5M8 16.5h.5',
  key: 'M8.5 19a4 4 0 1 1 0-8 4 4 0 0 1 0 8zM11.5 12.5L19 5M15.5 8.5L18 11',
  language: 'M12 20a8 8 0 1 0 0-16 8 8 0 0 0 0 16zM4 12h16M12 4c3 3 3 13 0 16M12 4c-3 3-3 13 0 16',
  colours: 'M12 20a8 8 0 1 0 0-16zM12 20a8 8 0 0 1 0-16',
  aloud: 'M5 9.5v5h3.5L13 18V6L8.5 9.5zM16 9c1.5 1.5 1.5 4.5 0 6M18.5 6.5c3 3 3 8 0 11',
  search: 'M11 17a6 6 0 1 0 0-12 6 6 0 0 0 0 12zM15.5 15.5L20 20',
  // The mark: three strokes of warm air over a stone floor.
  ondol: 'M4 19h16M7.5 15c-2-2.5 2-4 0-6.5M12 15c-2.5-3 2.5-6 0-10M16.5 15c-2-2.5 2-4 0-6.5',
};

export type IconName = keyof typeof kPaths;

const kSvg = 'http://www.w3.org/2000/svg';

export function icon(name: IconName): SVGElement {
  const svg = document.createElementNS(kSvg, 'svg');
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('class', 'icon');
  svg.setAttribute('aria-hidden', 'true');
  const path = document.createElementNS(kSvg, 'path');
  path.setAttribute('d', kPaths[name]);
  svg.appendChild(path);
  return svg;
}
