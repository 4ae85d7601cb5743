import assert from "node:assert/strict";
import test from "node:test";

import { parseStoryboard } from "../../../pod_jobs/web/static/js/player/storyboard.js";

const FILE = `WEBVTT

00:00.000 --> 00:10.000
storyboard_1.jpg#xywh=0,0,160,90

1:00:10.000 --> 1:00:20.500 align:start
storyboard 2.jpg#xywh=pixel:160,90,160,90
`;
const BASE = "https://pod.example.org/media/1/storyboard.vtt";

test("each cue names a rectangle of a picture", () => {
  assert.deepEqual(parseStoryboard(FILE, BASE), [
    {
      start: 0,
      end: 10,
      image: "https://pod.example.org/media/1/storyboard_1.jpg",
      x: 0,
      y: 0,
      width: 160,
      height: 90,
    },
    {
      start: 3610,
      end: 3620.5,
      image: "https://pod.example.org/media/1/storyboard%202.jpg",
      x: 160,
      y: 90,
      width: 160,
      height: 90,
    },
  ]);
});

test("the line ends of Windows make no difference", () => {
  assert.deepEqual(parseStoryboard(FILE.replaceAll("\n", "\r\n"), BASE), parseStoryboard(FILE, BASE));
});

test("what is no storyboard has no cues", () => {
  assert.deepEqual(parseStoryboard("<html>404</html>", BASE), []);
});
