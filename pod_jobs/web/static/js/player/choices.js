// The choices of a viewer: volume, speed, quality and sound track. Volume and speed are remembered.
import { keep, recall } from "../shared/memory.js";
import { _, number, percent } from "../shared/words.js";

export class Choices {
  constructor(player) {
    this.player = player;
    this.media = player.media;
    this.wire();
    this.restore();
  }

  wire() {
    const { player, media } = this;
    player.part("mute").addEventListener("click", () => this.mute());
    player.part("volume").addEventListener("input", ({ target }) => {
      media.volume = Number(target.value);
      media.muted = media.volume === 0;
    });
    player.part("rate").addEventListener("change", ({ target }) => this.setSpeed(Number(target.value)));
    player.part("quality").addEventListener("change", ({ target }) => player.stream?.setLevel(Number(target.value)));
    player.part("sound").addEventListener("change", ({ target }) => player.stream?.setSound(Number(target.value)));
    media.addEventListener("volumechange", () => this.showVolume());
    media.addEventListener("loadedmetadata", () => {
      this.showLevels();
      this.showSounds();
    });
  }

  restore() {
    const volume = recall("volume", 1);
    if (volume >= 0 && volume <= 1) this.media.volume = volume;
    this.showVolume();
    const speed = recall("speed", 1);
    if (this.speeds.includes(speed)) this.setSpeed(speed);
  }

  // volume

  showVolume() {
    const { player, media } = this;
    const volume = media.muted ? 0 : media.volume;
    const range = player.part("volume");
    player.element.classList.toggle("is-muted", volume === 0);
    range.value = String(volume);
    range.style.setProperty("--played", `${volume * 100}%`);
    range.setAttribute("aria-valuetext", volume === 0 ? _("Muted") : percent(volume));
    player.label("mute", volume === 0 ? _("Unmute") : _("Mute"));
    keep("volume", media.volume);
  }

  mute() {
    this.media.muted = !this.media.muted;
  }

  changeVolume(step) {
    this.media.muted = false;
    this.media.volume = Math.min(1, Math.max(0, Math.round((this.media.volume + step) * 100) / 100));
    this.player.say(_("Volume {percent}", { percent: percent(this.media.volume) }));
  }

  // speed

  get speeds() {
    return Array.from(this.player.part("rate").options, ({ value }) => Number(value));
  }

  /** Set the speed. `ratio` to real time is one of `speeds`. */
  setSpeed(ratio) {
    this.media.defaultPlaybackRate = ratio; // the speed of the next source
    this.media.playbackRate = ratio;
    this.player.part("rate").value = String(ratio);
    keep("speed", ratio);
  }

  /** Set the next slower speed (`step` -1) or the next faster one (1). */
  changeSpeed(step) {
    const { speeds } = this;
    const place = speeds.indexOf(this.media.playbackRate) + step;
    this.setSpeed(speeds[Math.min(speeds.length - 1, Math.max(0, place))]);
    this.player.say(_("Speed {factor}", { factor: `${number(this.media.playbackRate)}×` }));
  }

  // qualities and sounds of the stream

  showLevels() {
    const { player } = this;
    const select = player.part("quality");
    const levels = player.stream?.levels() ?? [];
    const wanted = levels.map(({ label }) => label).join();
    player.part("quality-field").hidden = levels.length < 2;
    if (select.dataset.levels === wanted) return;
    select.dataset.levels = wanted;
    const automatic = player.stream.level === -1 ? [new Option(_("Auto"), "-1")] : [];
    select.replaceChildren(
      ...automatic,
      ...levels.map(({ index, label }) => new Option(label, String(index))).reverse(),
    );
    select.value = String(player.stream.level);
  }

  /** Offer the sound tracks of a recording in several languages. One of an unknown language is named by its number. */
  showSounds() {
    const { player } = this;
    const sounds = player.stream?.sounds() ?? [];
    const name = (label) => (Number(label) ? `${_("Sound")} ${label}` : label);
    player.part("sound-field").hidden = sounds.length < 2;
    player.part("sound").replaceChildren(...sounds.map(({ index, label }) => new Option(name(label), String(index))));
    player.part("sound").value = String(player.stream?.sound);
  }
}
