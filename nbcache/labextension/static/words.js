/** Durations, ages and sizes as people say them; the same words as nbcache says in Python. */
import { say } from './i18n.js';

/** @param {number} seconds */
export function formatDuration(seconds) {
  if (seconds < 0.9995) {
    return seconds >= 0.0005 || !seconds ? say('%1 ms', Math.round(seconds * 1000)) : '<1 ms';
  }
  if (seconds < 9.95) {
    return say('%1 s', seconds.toFixed(1).replace(/\.0$/, ''));
  }
  const whole = Math.round(seconds);
  return whole < 60 ? say('%1 s', whole) : twoUnits(whole);
}

/** @param {number} whole */
function twoUnits(whole) {
  if (whole < 600 && whole % 60) {
    return say('%1 min %2 s', Math.floor(whole / 60), whole % 60);
  }
  const minutes = Math.round(whole / 60);
  if (minutes < 60) {
    return say('%1 min', minutes);
  }
  if (minutes < 24 * 60) {
    const rest = minutes % 60;
    const hours = Math.floor(minutes / 60);
    return rest ? say('%1 h %2 min', hours, rest) : say('%1 h', hours);
  }
  const hours = Math.round(minutes / 60);
  const days = hours < 48 ? Math.floor(hours / 24) : Math.round(hours / 24);
  const rest = hours < 48 ? hours % 24 : 0;
  const told = days === 1 ? say('1 day') : say('%1 days', days);
  return rest ? say('%1 %2 h', told, rest) : told;
}

/**
 * Without fractions, because it moves as one reads it.
 * @param {number} seconds
 */
export function formatAge(seconds) {
  return seconds >= 1 ? formatDuration(Math.floor(seconds)) : say('under 1 s');
}

/** @param {number} bytes */
export function formatBytes(bytes) {
  const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];
  let amount = bytes;
  let unit = 0;
  while (amount >= 999.5 && unit < units.length - 1) {
    amount /= 1000;
    unit += 1;
  }
  return `${unit && amount < 9.95 ? amount.toFixed(1) : Math.round(amount)} ${units[unit]}`;
}

/**
 * The first line of a sentence without its full stop, to stand between dots.
 * @param {string} sentence
 */
export function asClause(sentence) {
  return sentence.trim().split('\n')[0].replace(/\s+/g, ' ').replace(/\.+$/, '').split('. ')[0];
}
