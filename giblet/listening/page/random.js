/* Orders that look random, and are the same whenever a listener opens the page again. */

/* Numbers from 0 to 1 that depend on a text: 32 bits of FNV-1a start mulberry32. */
const generator = text => {
  let state = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) state = Math.imul(state ^ byte, 0x01000193);
  return () => {
    state = state + 0x6d2b79f5 | 0;
    let mixed = Math.imul(state ^ state >>> 15, 1 | state);
    mixed = mixed + Math.imul(mixed ^ mixed >>> 7, 61 | mixed) ^ mixed;
    return ((mixed ^ mixed >>> 14) >>> 0) / 2 ** 32;
  };
};

/* The numbers 0 to n - 1 in an order that depends on a text (Fisher-Yates). */
const shuffled = (n, text) => {
  const order = Array.from({length: n}, (_, i) => i);
  const next = generator(text);
  for (let i = n - 1; i > 0; i--) {
    const j = Math.floor(next() * (i + 1));
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
};
