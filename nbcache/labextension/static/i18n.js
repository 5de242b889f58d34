/** The words of the extension in the user's language: English where no translation is there. */

/** @type {import('../types/lab').Translation} */
let bundle = {
  __: (text, ...values) => fill(text, values),
  _n: (one, many, count, ...values) => fill(count === 1 ? one : many, [count, ...values])
};

/** @param {import('../types/lab').Translator | null} translator */
export function useTranslator(translator) {
  bundle = translator?.load('nbcache') ?? bundle;
}

/**
 * @param {string} text with %1, %2 … for the values
 * @param {...unknown} values
 */
export function say(text, ...values) {
  return bundle.__(text, ...values);
}

/**
 * @param {string} one
 * @param {string} many
 * @param {number} count stands for %1
 */
export function sayCount(one, many, count) {
  return bundle._n(one, many, count);
}

/**
 * @param {string} text
 * @param {unknown[]} values
 */
function fill(text, values) {
  return text.replace(/%(\d)/g, (_, place) => String(values[Number(place) - 1] ?? ''));
}
