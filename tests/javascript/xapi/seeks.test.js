import assert from "node:assert/strict";
import test from "node:test";

import { Seeks } from "../../../pod_jobs/web/static/js/xapi/seeks.js";

globalThis.HTMLMediaElement = /** @type {any} */ (
  class {
    get currentTime() {
      return this.at;
    }
    set currentTime(seconds) {
      this.at = seconds;
      this.seeking = true;
    }
  }
);

/** A media element at `at` seconds, which has played the ranges in `played`. */
class Media extends globalThis.HTMLMediaElement {
  constructor(at, played = []) {
    super();
    const ranges = { length: played.length, start: (i) => played[i][0], end: (i) => played[i][1] };
    Object.assign(this, { at, seeking: false, readyState: 4, duration: 60, playbackRate: 1, paused: false });
    Object.assign(this, { played: ranges, hearers: {} });
  }
  addEventListener(name, hear) {
    this.hearers[name] = hear;
  }
  tell(name) {
    this.hearers[name]?.();
  }
}

test("a seek by our controls begins where the picture was, though the event is handled late", () => {
  const media = new Media(10);
  const seeks = new Seeks(media, assert.fail);
  media.currentTime = 30;
  media.at = 31.2; // it has played on by the time that the page hears of it
  media.tell("seeking");
  assert.deepEqual(seeks.take(), [10, 30]);
  assert.equal(seeks.take(), null);
});

test("moves of one hand are one seek, and stay within the recording", () => {
  const media = new Media(10);
  const seeks = new Seeks(media, assert.fail);
  for (const seconds of [20, 40, 99]) media.currentTime = seconds;
  assert.deepEqual(seeks.take(), [10, 60]);
  media.seeking = false;
  media.currentTime = -5;
  assert.deepEqual(seeks.take(), [99, 0]);
});

test("what was seen between two seeks makes them two", () => {
  const media = new Media(10);
  const settled = [];
  const seeks = new Seeks(media, () => settled.push(seeks.take()));
  media.currentTime = 20;
  media.seeking = false;
  media.at = 20.5;
  media.currentTime = 40;
  assert.deepEqual(settled, [[10, 20]]);
  assert.deepEqual(seeks.take(), [20.5, 40]);
});

test("a seek by the browser's own controls begins where the browser says that it stopped playing", () => {
  const media = new Media(5, [[0, 5.3]]);
  const seeks = new Seeks(media, assert.fail);
  media.tell("timeupdate");
  seeks.lastAt -= 10_000; // long ago: it cannot have played further than its ranges say
  media.at = 50;
  media.tell("seeking");
  assert.deepEqual(seeks.take(), [5.3, 50]);
});

test("where a recording begins is no seek", () => {
  const media = new Media(0);
  const seeks = new Seeks(media, assert.fail);
  media.readyState = 0;
  media.currentTime = 12;
  assert.equal(seeks.take(), null);
});

test("of another source nothing is known but where it begins", () => {
  const media = new Media(25, [[0, 25]]);
  const seeks = new Seeks(media, assert.fail);
  media.tell("timeupdate");
  media.currentTime = 40; // on its way when the source changes
  media.at = 0;
  assert.equal(seeks.restart(), 0);
  assert.equal(seeks.take(), null);
  media.paused = true;
  media.at = 9;
  media.tell("seeking");
  assert.deepEqual(seeks.take(), [0, 9], "not from a place in the former source");
});
