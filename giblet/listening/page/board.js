/* The sounds of one trial: the open reference, and those to be rated, by letters. */

const LETTERS = "ABCDEFGHIJKL";
const GRADES = ["Bad", "Poor", "Fair", "Good", "Excellent"];
const grade = rating => GRADES[Math.min(4, Math.floor(rating / 20))];
const MIDDLE = 50;

const listed = names => names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;

class Board {
  #trial; #order; #player; #answers; #rows; #referenceButton; #playButton; #timeline; #onchange;

  /* sounds: as soundsOf gives them; answers: where ratings and plays are kept; order: which stimulus each letter is. */
  constructor(trial, sounds, answers, order, onchange) {
    this.#trial = trial;
    this.#order = order;
    this.#answers = answers;
    this.#onchange = onchange;
    this.#player = new Player(sounds);
    this.#player.hear(trial.reference);
    this.#timeline = new Timeline(this.#player, sounds.get(trial.reference));
    this.#rows = order.map((stimulus, i) => this.#row(stimulus, LETTERS[i]));
    this.#playButton = element("button", {type: "button", className: "button play", onclick: () => this.toggle()});
    this.#referenceButton = element("button", {type: "button", className: "button plain reference", onclick: () => this.hearReference()}, "Reference");
    const loop = (text, label, act) => element("button", {type: "button", className: "button plain small", title: label, onclick: act}, text);
    const desk = element("section", {className: "desk card", ariaLabel: "Player"},
      this.#timeline.node,
      element("div", {className: "actions"},
        this.#playButton, this.#referenceButton,
        element("div", {className: "actions loops", role: "group", ariaLabel: "Loop"},
          loop("Loop from here", "Key N", () => this.#timeline.loopFromHere()),
          loop("to here", "Key M", () => this.#timeline.loopToHere()),
          loop("whole", "Key O", () => this.#timeline.loopAll()))));
    const scale = element("div", {className: "scale", ariaHidden: "true"}, ...GRADES.map(name => element("span", {}, name)));
    const rows = element("section", {className: "rows card", ariaLabel: "Sounds to rate"}, scale, ...this.#rows.map(row => row.node));
    this.node = element("div", {className: "board"}, desk, rows);
    this.#show();
  }

  get unheard() { return this.#rows.filter(row => !this.#answers.plays[row.stimulus]).map(row => row.letter); }
  get unrated() { return this.#rows.filter(row => this.#answers.ratings[row.stimulus] === undefined).map(row => row.letter); }
  get progress() {
    const n = this.#rows.length;
    return `Played ${n - this.unheard.length} of ${n}, rated ${n - this.unrated.length} of ${n}.`;
  }
  get missing() {
    const heard = [...this.#answers.reference ? [] : ["the reference"], ...this.unheard];
    const parts = [];
    if (heard.length) parts.push(`Still to be played: ${listed(heard)}.`);
    if (this.unrated.length) parts.push(`Still to be rated: ${listed(this.unrated)}.`);
    return parts.join(" ");
  }

  hearReference() {
    this.#answers.reference += 1;
    this.#hear(this.#trial.reference, null);
    this.#referenceButton.focus({preventScroll: true});
  }

  hear(letter) {
    const row = this.#rows.find(other => other.letter === letter);
    if (!row) return;
    this.#answers.plays[row.stimulus] = (this.#answers.plays[row.stimulus] ?? 0) + 1;
    this.#hear(this.#trial.stimuli[row.stimulus].sound, row);
    row.slider.focus();
  }

  toggle() {
    if (this.#player.playing) this.#player.pause();
    else if (this.#current) this.hear(this.#current.letter);
    else this.hearReference();
    this.#show();
  }

  /* Returns whether the key meant something. */
  press(key) {
    if (key === " ") this.toggle();
    else if (key === "R") this.hearReference();
    else if (LETTERS.slice(0, this.#rows.length).includes(key)) this.hear(key);
    else if (key === "N") this.#timeline.loopFromHere();
    else if (key === "M") this.#timeline.loopToHere();
    else if (key === "O") this.#timeline.loopAll();
    else if (key === "T") this.#player.seek(this.#player.from);
    else return false;
    return true;
  }

  /* What can be told of the playing, for whoever watches. */
  get state() {
    const {playing, position, from, to, duration} = this.#player;
    return {playing, position, from, to, duration, hears: this.#current?.letter ?? "R"};
  }

  close() {
    if (this.#player.playing) this.#player.pause();
    this.#timeline.close();
  }

  #current = null;

  #hear(sound, row) {
    this.#current = row;
    // The hidden reference is the open one: the same sound, and no way to tell them apart.
    this.#player.hear(sound);
    if (!this.#player.playing) this.#player.play();
    this.#show();
    this.#onchange();
  }

  #row(stimulus, letter) {
    const given = this.#answers.ratings[stimulus];
    const slider = element("input", {type: "range", min: 0, max: 100, step: 1, value: given ?? MIDDLE, ariaLabel: `Rating of ${letter}`});
    const button = element("button", {type: "button", className: "letter", onclick: () => this.hear(letter), ariaLabel: `Play ${letter}`}, letter);
    const said = element("output", {});
    const row = {stimulus, letter, slider, button, said, node: element("div", {className: "row"}, button, slider, said)};
    const rate = () => {
      this.#answers.ratings[stimulus] = +slider.value;
      this.#showRow(row);
      this.#onchange();
    };
    slider.oninput = rate;
    // Who confirms where the slider stands has rated too, and the browser tells of no change.
    slider.onpointerup = rate;
    slider.onkeydown = event => { if (/^(Arrow|Page|Home|End)/.test(event.key)) setTimeout(rate); };
    return row;
  }

  #showRow(row) {
    const rating = this.#answers.ratings[row.stimulus];
    row.node.classList.toggle("unrated", rating === undefined);
    row.said.textContent = rating === undefined ? "–" : `${rating} ${grade(rating)}`;
    row.slider.setAttribute("aria-valuetext", rating === undefined ? "not rated" : `${rating}, ${grade(rating)}`);
    const heard = this.#current === row;
    row.node.classList.toggle("heard", heard);
    row.button.setAttribute("aria-pressed", heard);
    row.button.classList.toggle("fresh", !this.#answers.plays[row.stimulus]);
  }

  #show() {
    for (const row of this.#rows) this.#showRow(row);
    this.#playButton.textContent = this.#player.playing ? "Pause" : "Play";
    this.#referenceButton.setAttribute("aria-pressed", this.#current === null);
  }
}
