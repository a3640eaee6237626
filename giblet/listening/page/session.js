/* How far a listener has come; kept by the browser, so that a reload loses nothing. */

const STORAGE = `giblet-mushra:${TEST.id}`;
const COLUMNS = ["test", "listener", "trial", "trial_order", "stimulus_order", "condition", "rating", "plays",
  "reference_plays", "seconds", "finished"];

const session = {
  listener: null,
  stage: "welcome",  // then training, trials, done
  at: 0,             // which training page or trial, in the listener's order
  answers: {},       // of each trial, by its number in the test
};
let remembers = true;

const save = () => {
  try { localStorage.setItem(STORAGE, JSON.stringify(session)); } catch { remembers = false; }
};
const restore = () => {
  try { Object.assign(session, JSON.parse(localStorage.getItem(STORAGE))); } catch { /* There is nothing of use. */ }
};
const forget = () => {
  Object.assign(session, {listener: null, stage: "welcome", at: 0, answers: {}});
  try { localStorage.removeItem(STORAGE); } catch { remembers = false; }
};

const trialOrder = () => shuffled(TEST.trials.length, `${TEST.seed}/${session.listener}/${session.stage === "training" ? "training" : "trials"}`);
/* In training, letters stand for other sounds than in the trial. */
const stimulusOrder = (trial, training = false) =>
  shuffled(TEST.trials[trial].stimuli.length, `${TEST.seed}/${session.listener}/${training ? "training" : "trial"} ${trial}`);

/* Ratings and plays are kept by the stimulus' number in the test, so they do not depend on its letter. */
const answersTo = trial => session.answers[trial] ??= {ratings: {}, plays: {}, reference: 0, seconds: 0, finished: null};

const quoted = value => /[",\r\n]/.test(value) ? `"${String(value).replaceAll('"', '""')}"` : String(value);

const results = () => {
  const rows = [COLUMNS];
  trialOrder().forEach((trial, i) => {
    const {name, stimuli} = TEST.trials[trial];
    const answers = answersTo(trial);
    stimulusOrder(trial).forEach((stimulus, j) => rows.push([
      TEST.id, session.listener, name, i + 1, j + 1, stimuli[stimulus].condition, answers.ratings[stimulus],
      answers.plays[stimulus], answers.reference, answers.seconds.toFixed(1), answers.finished,
    ]));
  });
  return rows.map(row => row.map(quoted).join(",") + "\r\n").join("");
};
