/* Sounds come as scripts, which a page that was opened as a file may load; each calls giblet(name, base64). */

const context = new AudioContext({sampleRate: TEST.rate, latencyHint: "interactive"});
const arriving = new Map();
window.giblet = (name, text) => arriving.get(name)(text);

const fetched = name => new Promise((resolve, reject) => {
  const script = document.createElement("script");
  arriving.set(name, resolve);
  script.src = `sounds/${name}.js`;
  script.onload = () => {
    script.remove();
    reject(new Error(`The file sounds/${name}.js is damaged. Tell whoever gave you this test.`));
  };
  script.onerror = () => reject(new Error(`The file sounds/${name}.js is missing: keep the whole folder together.`));
  document.head.append(script);
});

const decoded = async name => {
  const text = atob(await fetched(name));
  const bytes = Uint8Array.from(text, letter => letter.charCodeAt(0));
  try {
    return await context.decodeAudioData(bytes.buffer);
  } catch {
    throw new Error(`The browser cannot decode sounds/${name}.js: try a current Firefox or Chromium.`);
  }
};

/* One trial's sounds at a time, so that a long test does not fill the memory of a phone. */
let kept = {trial: null, sounds: null};
const soundsOf = trial => {
  if (kept.trial !== trial) {
    const names = [...new Set([trial.reference, ...trial.stimuli.map(stimulus => stimulus.sound)])];
    kept = {trial, sounds: Promise.all(names.map(async name => [name, await decoded(name)])).then(all => new Map(all))};
    kept.sounds.catch(() => { kept = {trial: null, sounds: null}; });
  }
  return kept.sounds;
};
