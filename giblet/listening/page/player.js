/* Plays several sounds in step and lets one of them be heard; all loop between two points, without a gap. */

const FADE = .005;

class Player {
  #sounds; #loops = null; #playing = null; #heard = null; #paused = 0;

  /* sounds: a map of AudioBuffers of equal length. */
  constructor(sounds) {
    this.#sounds = sounds;
    this.duration = Math.min(...[...sounds.values()].map(sound => sound.duration));
    this.from = 0;
    this.to = this.duration;
  }

  get playing() { return this.#playing !== null; }
  get heard() { return this.#heard; }

  /* Seconds from the beginning of the sounds. */
  get position() {
    if (!this.playing) return this.#paused;
    const gone = Math.max(0, context.currentTime - this.#playing.began) + this.#playing.offset;
    return this.from + gone % (this.to - this.from);
  }

  hear(name) {
    this.#heard = name;
    if (!this.playing) return;
    for (const [other, gain] of this.#playing.gains) {
      gain.gain.setTargetAtTime(other === name ? 1 : 0, context.currentTime, FADE / 3);
    }
  }

  play(position = this.#paused) {
    this.#silence();
    context.resume();
    const inside = position >= this.from && position < this.to ? position : this.from;
    // A little later, so that all begin at the same sample.
    const began = context.currentTime + .02;
    const offset = inside - this.from;
    const group = new GainNode(context, {gain: 0});
    group.connect(context.destination);
    group.gain.setTargetAtTime(1, began, FADE / 3);
    const gains = new Map();
    const sources = [];
    for (const [name, buffer] of this.#looped()) {
      const gain = new GainNode(context, {gain: name === this.#heard ? 1 : 0});
      const source = new AudioBufferSourceNode(context, {buffer, loop: true});
      source.connect(gain).connect(group);
      source.start(began, offset);
      gains.set(name, gain);
      sources.push(source);
    }
    this.#playing = {began, offset, group, gains, sources};
  }

  pause() {
    this.#paused = this.position;
    this.#silence();
  }

  seek(position) {
    if (this.playing) this.play(position);
    else this.#paused = Math.min(Math.max(position, this.from), this.to);
  }

  loop(from, to) {
    const position = this.position;
    this.#loops = null;
    this.from = from;
    this.to = to;
    this.seek(position);
  }

  #silence() {
    if (!this.playing) return;
    const {group, sources} = this.#playing;
    this.#playing = null;
    group.gain.setTargetAtTime(0, context.currentTime, FADE / 3);
    for (const source of sources) source.stop(context.currentTime + 4 * FADE);
    sources[0].onended = () => group.disconnect();
  }

  /* Copies of what lies between the points, faded at both ends: looped as they are, without a gap or a click. */
  #looped() {
    this.#loops ??= new Map([...this.#sounds].map(([name, sound]) => [name, this.#cut(sound)]));
    return this.#loops;
  }

  #cut(sound) {
    const [first, stop] = [this.from, this.to].map(seconds => Math.round(seconds * sound.sampleRate));
    const length = Math.min(stop, sound.length) - first;
    const part = new AudioBuffer({length, numberOfChannels: sound.numberOfChannels, sampleRate: sound.sampleRate});
    const fade = Math.round(FADE * sound.sampleRate);
    for (let channel = 0; channel < sound.numberOfChannels; channel++) {
      const samples = sound.getChannelData(channel).slice(first, first + length);
      for (let i = 0; i < fade; i++) {
        const gain = Math.sin(Math.PI / 2 * i / fade) ** 2;
        samples[i] *= gain;
        samples[length - 1 - i] *= gain;
      }
      part.copyToChannel(samples, channel);
    }
    return part;
  }
}
