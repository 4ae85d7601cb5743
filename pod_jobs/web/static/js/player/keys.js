// The player's keyboard shortcuts. They work while the focus is in the player, so no other page control loses a key.

const STEP_S = 10;

/** Key -> what it does to the player. A letter also works with Shift; "<" and ">" are typed as the layout has them. */
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

/** A focused control keeps the keys that it needs: arrows for ranges and lists, Space for buttons and lists. */
function belongsToControl(control, key) {
  if (control.matches("select")) return key.length > 1 || key === " ";
  if (control.matches("input")) return key.length > 1;
  return control.matches("button") && key === " ";
}
