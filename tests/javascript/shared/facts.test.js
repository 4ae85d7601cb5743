import assert from "node:assert/strict";
import test from "node:test";

import { downloads, sourceFacts } from "../../../pod_jobs/web/static/js/shared/facts.js";

const plain = (text) => String(text).replaceAll("\u00a0", " ");

test("a source is told in the words of people", () => {
  const facts = {
    duration_s: 65,
    video: { width_px: 1920, height_px: 1080, codec: "hevc", fps: 29.97, hdr: true, rotation_deg: 90 },
    audio: [{ codec: "aac", channels: 2, sample_rate_hz: 44100, language: "fra" }],
  };
  const lines = sourceFacts({ facts, is_video: true, source: { name: "a.mov", bytes: 1_500_000 } });
  assert.deepEqual(
    lines.map((line) => line.map(plain)),
    [
      ["File", "a.mov"],
      ["Size", "1.5 MB"],
      ["Duration", "1:05"],
      ["Picture", "1920 × 1080, HEVC, 29.97 fps, HDR, turned by 90°"],
      ["Sound", "AAC, stereo, 44.1 kHz, French"],
    ],
  );
});

test("a recording without a picture, or without sound, says so", () => {
  const source = { name: "a", bytes: 1 };
  assert.deepEqual(sourceFacts({ facts: null, is_video: false, source }).at(-1), ["Picture", "none, sound only"]);
  const silent = { duration_s: 1, video: { width_px: 2, height_px: 2, codec: "vp9" }, audio: [] };
  assert.deepEqual(sourceFacts({ facts: silent, source }).at(-1), ["Sound", "none"]);
});

test("downloads are those of one template, videos first, with one thumbnail", () => {
  const output = (kind, name, template = "web") => {
    const purpose = template === "web" ? "play" : "offer";
    return { kind, name, template, purpose, url: `/media/${name}`, bytes: 1000 };
  };
  const outputs = [
    output("thumbnail", "thumbnail_1.jpg"),
    output("thumbnail", "thumbnail_2.jpg"),
    output("segment", "360p_000001.m4s"),
    output("mp4", "360p.mp4"),
    output("mp3", "podcast.mp3", "podcast"),
  ];
  assert.deepEqual(
    downloads({ outputs }).map(({ url }) => url),
    ["/media/360p.mp4?download", "/media/thumbnail_1.jpg?download"],
  );
  assert.deepEqual(
    downloads({ outputs }, "podcast").map(({ kind }) => kind),
    ["mp3"],
  );
});
