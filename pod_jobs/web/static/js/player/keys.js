// The player's keyboard shortcuts. They work only while the focus is in the player, so that other controls keep their
// keys.

const STEP_S = 10;

/** Key -> what it does. A letter also works with Shift; "<" and ">" are characters, wherever the keyboard has them. */
const SHORTCUTS = {
  " ": (player) => player.playPause(),
  k: (player) => player.playPause(),
  j: (player) => player.jump(-STEP_S),
  l: (player) => player.jump(STEP_S),
  ArrowLeft: (player) => player.jump(-STEP_S / 2),
  ArrowRight: (player) => player.jump(STEP_S / 2),
  ArrowUp: (player) => player.choices.changeVolume(0.1),
  ArrowDown: (player) => player.choices.changeVolume(-0.1),
  m: (player) => player.choices.mute(),
  f: (player) => player.fullscreen(),
  c: (player) => player.captions.next(),
  "<": (player) => player.choices.changeSpeed(-1),
  ">": (player) => player.choices.changeSpeed(1),
  Home: (player) => player.seek(0),
  End: (player) => player.seek(player.playable),
};

export function wireKeys(player) {
  player.element.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (belongsToControl(event.target, key)) return;
    if (/^\d$/.test(key)) player.seek((player.playable * Number(key)) / 10);
    else if (SHORTCUTS[key]) SHORTCUTS[key](player);
    else return;
    event.preventDefault();
  });
}

/** Does the focused control need this key itself? Ranges and lists need arrows; buttons and lists need Space. */
function belongsToControl(control, key) {
  if (control.matches("select")) return key.length > 1 || key === " ";
  if (control.matches("input")) return key.length > 1;
  return control.matches("button") && key === " ";
}
