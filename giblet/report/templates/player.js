
"use strict";
/* Sounds lie in the page as base64; each becomes an address of its own when it is first needed. */
const load = (audio, text) => {
  if (audio.src) return;
  const bytes = Uint8Array.from(atob(text.textContent), c => c.charCodeAt(0));
  audio.src = URL.createObjectURL(new Blob([bytes], {type: "audio/flac"}));
  audio.preload = "auto";
};

/* As giblet.report.axes.clock. */
const clock = seconds => {
  const tenths = Math.round(seconds * 10), rest = tenths % 600, minutes = Math.floor(tenths / 600);
  const text = String(Math.floor(rest / 10)).padStart(2, "0") + "." + rest % 10;
  const hours = Math.floor(minutes / 60);
  return hours ? `${hours}:${String(minutes % 60).padStart(2, "0")}:${text}` : `${minutes}:${text}`;
};

const player = root => {
  const $ = selector => [...root.querySelectorAll(selector)];
  const audios = $("audio"), texts = $(".flac"), versions = $(".version"), views = $(".heard-as");
  const [play] = $(".play"), [seek] = $(".seek"), [now] = $(".now"), [tr] = $(".tr-now");
  const start = +root.dataset.start, seconds = +root.dataset.seconds;
  let chosen = 0, position = 0, wanted = false;

  const here = () => audios[chosen].src ? audios[chosen].currentTime : position;
  const show = () => {
    position = Math.min(here(), seconds);
    seek.value = position;
    seek.setAttribute("aria-valuetext", clock(start + position));
    root.style.setProperty("--played", position / seconds);
    now.textContent = clock(start + position);
    if (root.dataset.tr) {
      const index = Math.floor((start + position - root.dataset.trStart) / root.dataset.tr + 1e-9);
      tr.textContent = index < 0 ? "" : ` · TR ${index}`;
    }
    play.textContent = wanted ? "Pause" : "Play";
    if (wanted) requestAnimationFrame(show);
  };
  const move = to => {
    position = Math.min(Math.max(to, 0), seconds);
    if (audios[chosen].src) audios[chosen].currentTime = position;
    show();
  };
  const sound = () => {
    audios.forEach((audio, i) => load(audio, texts[i]));
    audios[chosen].currentTime = position;
    return audios[chosen].play();
  };
  const toggle = () => {
    current = self;
    wanted = !wanted;
    if (!wanted) {
      position = here();
      audios[chosen].pause();
    } else {
      for (const other of players) if (other !== self) other.stop();
      if (position >= seconds - 0.01) position = 0;
      sound().catch(() => { wanted = false; show(); });
    }
    show();
  };
  const choose = i => {
    if (i >= audios.length) return;
    current = self;
    position = here();
    const before = audios[chosen];
    chosen = i;
    if (audios[chosen] !== before) before.pause();
    versions.forEach((button, j) => button.setAttribute("aria-pressed", j === i));
    views.forEach((view, j) => view.classList.toggle("on", j === i));
    if (wanted) sound().catch(() => {});
    else move(position);
  };

  play.addEventListener("click", toggle);
  versions.forEach((button, i) => button.addEventListener("click", () => choose(i)));
  seek.addEventListener("input", () => { current = self; move(+seek.value); });
  views.forEach((view, i) => view.addEventListener("click", event => {
    const box = view.querySelector(".canvas").getBoundingClientRect();
    position = here();
    choose(i);
    if (event.clientX >= box.left) move((event.clientX - box.left) / box.width * seconds);
  }));
  audios.forEach(audio => audio.addEventListener("ended", () => {
    if (audio !== audios[chosen]) return;
    wanted = false;
    show();
  }));
  const self = {toggle, choose, move, here, stop: () => { if (wanted) toggle(); }};
  show();
  return self;
};

let current = null;
const players = [];
for (const root of document.querySelectorAll(".player")) players.push(player(root));
current = players[0] || null;

addEventListener("keydown", event => {
  if (!current || event.ctrlKey || event.metaKey || event.altKey) return;
  const tag = event.target.tagName;
  if (/^[1-9]$/.test(event.key)) current.choose(event.key - 1);
  else if (event.key === " " && !/^(BUTTON|SUMMARY|A)$/.test(tag)) current.toggle();
  /* Wide tables are scrolled by these keys. */
  else if (/^Arrow(Left|Right)$/.test(event.key) && !event.target.closest?.(".scroll")) current.move(current.here() + (event.key === "ArrowLeft" ? -1 : 1));
  else return;
  event.preventDefault();
});
