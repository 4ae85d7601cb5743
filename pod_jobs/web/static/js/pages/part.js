// The page of what a failed run had encoded: a player, and nothing that moves.
import { Player } from "../player/player.js";
import { byId } from "../shared/dom.js";

const { master, seconds, sound } = byId("part-page").dataset;

if (master) {
  const player = new Player(byId("player"));
  byId("player").hidden = false;
  player.open({ master, mp4: [], audio: [], captions: [] }, { isVideo: !sound, duration_s: Number(seconds) });
}
