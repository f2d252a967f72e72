// Numbers, sizes and days in the user's language.

import { language } from '../core/i18n/index';
import { t } from './texts';

export function number(value: number, digits = 0): string {
  return new Intl.NumberFormat(language(), { maximumFractionDigits: digits }).format(value);
}

export function bytes(value: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let i = 0;
  while (value >= 1000 && i < units.length - 1) {
    value /= 1000;
    i++;
  }
  return `${number(value, value < 10 && i > 0 ? 1 : 0)} ${units[i]!}`;
}

export function ageGroup(time: number, now = Date.now()): string {
  const midnight = new Date(now).setHours(0, 0, 0, 0);
  const kDayMs = 86_400_000;
  if (time >= midnight) return t('today');
  if (time >= midnight - kDayMs) return t('yesterday');
  return time >= midnight - 6 * kDayMs ? t('thisWeek') : t('older');
}
