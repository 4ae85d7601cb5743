import assert from "node:assert/strict";
import test from "node:test";

import { isWorthIt, linkAt, parseMoment, Resume } from "../../../pod_jobs/web/static/js/player/resume.js";

test("a moment in an address is written in many ways", () => {
  const moments = {
    90: 90,
    "90s": 90,
    "1m30s": 90,
    "1m": 60,
    "1:30": 90,
    "1:00:05": 3605,
    "1h2": 3602,
    "2h": 7200,
    12.5: 12.5,
  };
  for (const [text, seconds] of Object.entries(moments)) assert.equal(parseMoment(text), seconds, text);
  for (const text of ["", "now", "-3", "s", null]) assert.equal(parseMoment(text), null, String(text));
});

test("nobody needs help with the first and the last seconds", () => {
  assert.deepEqual(
    [5, 10, 600, 1195].map((time) => isWorthIt(time, 1200)),
    [false, true, true, false],
  );
});

test("a link leads to the whole second", () => {
  globalThis.location = { href: "https://pod.example.org/videos/3?x=1#y" };
  assert.equal(linkAt(83.9), "https://pod.example.org/videos/3?t=83");
});

class Waiting extends EventTarget {
  played = { length: 0 };
  plays = 0;
  play() {
    this.plays += 1;
    return Promise.resolve();
  }
}

/** A player of 100 s of which `playable` s are encoded, opened by an address with `search`. */
function opened(search, playable) {
  globalThis.location = { search };
  globalThis.addEventListener = () => null;
  const media = new Waiting();
  const player = { media, playable, whole: 100, sought: [], said: [], element: null };
  player.element = { classList: { add: () => null, remove: () => null } };
  player.part = () => new EventTarget();
  player.seek = (seconds) => player.sought.push(seconds);
  player.say = (words) => player.said.push(words);
  player.grow = (to) => {
    player.playable = to;
    media.dispatchEvent(new Event("durationchange"));
  };
  new Resume(player, "p", 1);
  media.dispatchEvent(new Event("loadedmetadata"));
  return player;
}

test("a moment that is not encoded yet is gone to as soon as it is", () => {
  const player = opened("?t=50&play", 20);
  assert.deepEqual([player.sought, player.media.plays], [[], 0]);
  assert.match(player.said[0], /0:50 is not encoded yet/);
  player.grow(50.5);
  assert.deepEqual(player.sought, [], "there is hardly any picture behind it");
  player.grow(60);
  player.grow(70);
  assert.deepEqual([player.sought, player.media.plays], [[50], 1]);
  assert.equal(player.said.at(-1), "Goes on at 0:50");
});

test("nobody who watches the beginning meanwhile is torn away, and a moment behind the end is given up", () => {
  const watching = opened("?t=50", 20);
  watching.media.dispatchEvent(new Event("play"));
  assert.equal(watching.said.at(-1), "");
  const short = opened("?t=99", 20);
  short.whole = 90;
  for (const player of [watching, short]) player.grow(90);
  assert.deepEqual([watching.sought, short.sought], [[], []]);
});
