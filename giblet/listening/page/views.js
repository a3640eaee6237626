/* The pages: instructions, training, trials, thanks. */

const main = document.getElementById("main");
let board = null;

const KEYS = [["R", "reference"], ["A, B, C …", "sound A, B, C …; its slider is then at hand"], ["← →, Page ↑ ↓", "move the slider"],
  ["Space", "play, pause"], ["N, M", "loop from here, to here"], ["O", "loop the whole excerpt"], ["T", "back to where the loop begins"]];

const keyTable = () => element("details", {className: "keys"}, element("summary", {}, "Keys"),
  element("dl", {}, ...KEYS.flatMap(([key, does]) => [element("dt", {}, key), element("dd", {}, does)])));

const show = (...nodes) => {
  board?.close();
  board = null;
  main.replaceChildren(...nodes);
  const heading = main.querySelector("h1");
  heading.tabIndex = -1;
  heading.focus({preventScroll: true});
  scrollTo(0, 0);
};
const button = (text, act, plain) => element("button", {type: "button", className: plain ? "button plain" : "button", onclick: act}, text);
const alertNode = () => element("p", {className: "alert", role: "alert", hidden: true});
const complain = (node, sentence) => {
  node.textContent = sentence;
  node.hidden = !sentence;
};

const go = (stage, at = 0) => {
  session.stage = stage;
  session.at = at;
  save();
  render();
};

const welcome = () => {
  const input = element("input", {id: "listener", name: "listener", autocomplete: "off", autocapitalize: "off", spellcheck: false, maxLength: 64, required: true});
  const alert = alertNode();
  const begin = event => {
    event.preventDefault();
    const name = input.value.trim();
    if (!/^[A-Za-z0-9][A-Za-z0-9_.-]*$/.test(name)) {
      complain(alert, "Give your name or number in letters, digits, and . _ - only.");
      input.focus();
      return;
    }
    session.listener = name;
    context.resume();
    go("training");
  };
  const n = TEST.trials.length;
  show(
    element("h1", {}, TEST.title),
    element("p", {className: "lead"}, `You will hear ${n === 1 ? "a short sound" : `${n} short sounds`}, each in several versions, and say how good each version is.`),
    element("ol", {className: "steps"},
      element("li", {}, "Use headphones in a quiet room. Set the volume in the training, then leave it as it is."),
      element("li", {}, "Play the reference, then the versions A, B, C …. You can switch between them while they play."),
      element("li", {}, "Rate the quality of each version from 0 to 100: how near does it come to the reference? 100 means that you hear no difference."),
      element("li", {}, "One of the versions is the reference itself. So at least one of them deserves 100."),
      element("li", {}, "First comes a training with all sounds, where ratings are not kept. Then every version has to be played and rated before you go on.")),
    element("form", {onsubmit: begin},
      element("label", {htmlFor: "listener"}, "Your name or number"),
      element("div", {className: "actions"}, input, element("button", {type: "submit", className: "button"}, "Begin")),
      alert),
    keyTable());
};

const listening = training => {
  const order = trialOrder();
  const number = order[session.at];
  const trial = TEST.trials[number];
  const last = session.at === order.length - 1;
  const answers = training ? {ratings: {}, plays: {}, reference: 0} : answersTo(number);
  const hint = element("p", {className: "hint", role: "status"}, "Loading the sounds …");
  const alert = alertNode();
  const place = element("div");
  const on = () => {
    if (!training && board.missing) return complain(alert, board.missing);
    if (training) return last ? go("trials") : go("training", session.at + 1);
    pace();
    answers.finished = new Date().toISOString();
    return last ? go("done") : go("trials", session.at + 1);
  };
  const next = button(training ? last ? "Start the test" : "Next training sound" : last ? "Finish" : "Next", on);
  next.disabled = true;
  const back = training && session.at > 0 ? [button("Back", () => go("training", session.at - 1), true)] : [];
  const skip = training && !last ? [button("Start the test", () => go("trials"), true)] : [];
  const pace = timer(answers);
  const changed = () => {
    if (!training) {
      pace();
      save();
    }
    hint.textContent = board.progress;
    complain(alert, "");
  };
  show(
    element("header", {},
      element("p", {className: "where"}, `Listener ${session.listener}`, element("button", {type: "button", className: "link", onclick: another}, "Not you?")),
      element("h1", {}, training ? `Training, sound ${session.at + 1} of ${order.length}` : `Sound ${session.at + 1} of ${order.length}`),
      element("progress", {max: order.length, value: session.at + 1, ariaLabel: "Progress"})),
    element("p", {className: "lead"}, training
      ? "Listen to everything, set the volume, and try the sliders. Nothing of it is kept, and the letters change afterwards."
      : "How near does each version come to the reference?"),
    place, hint, alert,
    element("div", {className: "actions onward"}, ...back, next, ...skip),
    keyTable());
  soundsOf(trial).then(sounds => {
    if (!place.isConnected) return;
    board = new Board(trial, sounds, answers, stimulusOrder(number, training), changed);
    place.append(board.node);
    next.disabled = false;
    changed();
  }).catch(error => {
    hint.textContent = "";
    complain(alert, error.message);
  });
};

/* Adds the time since the last call to a trial's seconds; what was left lying for a minute does not count. */
const timer = answers => {
  let before = performance.now();
  return () => {
    const now = performance.now();
    answers.seconds += Math.min(60, (now - before) / 1000);
    before = now;
  };
};

const done = () => {
  const file = `mushra_${TEST.id}_${session.listener}.csv`;
  const address = URL.createObjectURL(new Blob([results()], {type: "text/csv"}));
  show(
    element("h1", {}, "Thank you"),
    element("p", {className: "lead"}, "All is rated. Download your ratings and send the file to whoever invited you."),
    element("div", {className: "actions"},
      element("a", {className: "button", download: file, href: address}, "Download the ratings"),
      button("Next listener", another, true)),
    element("p", {className: "hint"}, file));
};

const another = () => {
  if (!confirm(`The ratings of ${session.listener} are forgotten, unless they were downloaded. Begin anew?`)) return;
  forget();
  render();
};

const render = () => {
  if (session.stage === "welcome") welcome();
  else if (session.stage === "done") done();
  else listening(session.stage === "training");
  if (!remembers) main.append(element("p", {className: "hint"}, "This browser keeps nothing: do not reload the page before the end."));
};

/* Where focus is on a button, the space bar is the button's, but for the reference: there it pauses too. */
const spaceIsOurs = at => at.matches(".reference") || !at.matches("button, a, summary");

document.addEventListener("keydown", event => {
  const at = event.target;
  if (!board || event.ctrlKey || event.altKey || event.metaKey || at.matches("input:not([type=range])")) return;
  if (event.key === " " && !spaceIsOurs(at)) return;
  const key = event.key.length === 1 ? event.key.toUpperCase() : event.key;
  if (event.repeat ? key === " " : board.press(key)) event.preventDefault();
});
document.addEventListener("keyup", event => {
  if (board && event.key === " " && event.target.matches(".reference")) event.preventDefault();
});

restore();
render();
