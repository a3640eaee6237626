/* The reference's outline with the playing position, and the two points between which everything loops. */

const element = (tag, fields = {}, ...children) => {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(fields)) {
    if (name.startsWith("aria")) made.setAttribute(`aria-${name.slice(4).toLowerCase()}`, value);
    else if (name in made) made[name] = value;
    else made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
};
const clock = seconds => `${seconds.toFixed(1)} s`;

const BARS = 240;
const LEAST_LOOP = .5;

const outline = sound => {
  const samples = sound.getChannelData(0);
  const peaks = Array.from({length: BARS}, (_, i) => {
    let peak = 0;
    for (let k = Math.floor(i * samples.length / BARS); k < (i + 1) * samples.length / BARS; k++) peak = Math.max(peak, Math.abs(samples[k]));
    return peak;
  });
  const loudest = Math.max(...peaks, 1e-6);
  return peaks.map((peak, i) => `M${i + .5} ${50 - 46 * peak / loudest}V${50 + 46 * peak / loudest + .5}`).join("");
};

class Timeline {
  #player; #shade; #head; #from; #to; #times; #frame = 0; #shown = null;

  constructor(player, reference) {
    this.#player = player;
    const wave = element("div", {className: "wave", ariaHidden: "true"});
    wave.innerHTML = `<svg viewBox="0 0 ${BARS} 100" preserveAspectRatio="none"><path d="${outline(reference)}"/></svg>`;
    this.#shade = element("div", {className: "shade"});
    this.#head = element("div", {className: "head"});
    wave.append(this.#shade, this.#head);
    wave.onpointerdown = event => {
      const place = wave.getBoundingClientRect();
      player.seek((event.clientX - place.left) / place.width * player.duration);
      this.#show();
    };
    const handle = label => element("input", {type: "range", min: 0, max: player.duration, step: player.duration / 100, ariaLabel: label});
    this.#from = handle("Loop from");
    this.#to = handle("Loop to");
    this.#times = element("p", {className: "times"});
    for (const input of [this.#from, this.#to]) {
      input.oninput = () => { this.#keepApart(input); this.#show(); };
      input.onchange = () => { this.#keepApart(input); this.loop(+this.#from.value, +this.#to.value); };
    }
    this.node = element("div", {className: "timeline"}, wave, element("div", {className: "handles"}, this.#from, this.#to), this.#times);
    this.loop(0, player.duration);
    this.#follow();
  }

  /* Loops between two points, or as near to it as there is half a second between them. */
  loop(from, to) {
    const end = this.#player.duration;
    const first = Math.min(Math.max(0, from), Math.max(0, end - LEAST_LOOP));
    const last = Math.max(Math.min(to, end), Math.min(end, first + LEAST_LOOP));
    this.#player.loop(first, last);
    this.#from.value = first;
    this.#to.value = last;
    this.#show();
  }
  loopFromHere() { this.loop(this.#player.position, this.#player.to); }
  loopToHere() { this.loop(this.#player.from, this.#player.position); }
  loopAll() { this.loop(0, this.#player.duration); }

  close() { cancelAnimationFrame(this.#frame); }

  #keepApart(moved) {
    const [from, to] = [+this.#from.value, +this.#to.value];
    if (to - from >= LEAST_LOOP) return;
    if (moved === this.#from) this.#from.value = Math.max(0, to - LEAST_LOOP);
    else this.#to.value = from + LEAST_LOOP;
  }

  #show() {
    const end = this.#player.duration;
    const position = this.#shown = this.#player.position;
    const [from, to] = [+this.#from.value, +this.#to.value];
    this.#shade.style.left = `${100 * from / end}%`;
    this.#shade.style.right = `${100 * (1 - to / end)}%`;
    this.#head.style.left = `${100 * position / end}%`;
    const whole = from < .05 && to > end - .1;
    this.#times.textContent = `${clock(position)} · ${whole ? "the whole excerpt loops" : `loops from ${clock(from)} to ${clock(to)}`}`;
    for (const [input, value] of [[this.#from, from], [this.#to, to]]) input.setAttribute("aria-valuetext", clock(value));
  }

  #follow() {
    if (this.#player.position !== this.#shown) this.#show();
    this.#frame = requestAnimationFrame(() => this.#follow());
  }
}
