// A QR code as an image of black squares on white, whatever the colours around it.

import qrcode from 'qrcode-generator';

const kModule = 8;   // pixels of one square
const kMargin = 4;   // squares of white around, as the standard asks for

export function qrImage(text: string, label: string): HTMLElement {
  const code = qrcode(0, 'M');
  code.addData(text);
  code.make();
  const count = code.getModuleCount();
  const canvas = document.createElement('canvas');
  canvas.width = canvas.height = (count + 2 * kMargin) * kModule;
  canvas.className = 'qr';
  canvas.setAttribute('role', 'img');
  canvas.setAttribute('aria-label', label);
  const context = canvas.getContext('2d');
  if (!context) return canvas;
  context.fillStyle = '#fff';
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.fillStyle = '#000';
  for (let row = 0; row < count; row++) {
    for (let column = 0; column < count; column++) {
      if (code.isDark(row, column)) context.fillRect((column + kMargin) * kModule, (row + kMargin) * kModule, kModule, kModule);
    }
  }
  return canvas;
}
