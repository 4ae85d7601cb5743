import assert from "node:assert/strict";
import test from "node:test";

import { problem, root } from "../../../pod_jobs/web/static/js/shared/api.js";

test("the root of the app is the folder that holds static/", () => {
  const web = new URL("../../../pod_jobs/web/", import.meta.url).pathname;
  assert.equal(root, web);
});

test("a problem document gives its own sentence and reason", () => {
  const { status, message, detail } = problem(409, '{"title": "No.", "detail": "task 3", "code": "refused"}');
  assert.deepEqual({ status, message, detail }, { status: 409, message: "No.", detail: "task 3" });
});

test("a sentence that says what is wrong stands without the technical reason", () => {
  const said = (code, status = 409) => problem(status, JSON.stringify({ title: "No.", detail: "task 3", code })).detail;
  assert.equal(said("task-ended"), "");
  assert.equal(said("malformed"), "task 3");
  assert.equal(said("service-unavailable", 503), "task 3", "the team wants to know which service");
});

test("an answer that is not ours is told by its status", () => {
  for (const text of ["<html>Bad Gateway</html>", "null", ""]) {
    assert.equal(problem(502, text).message, "The server answered with an error (502).");
  }
});

test("the end of a session is told as such", () => {
  assert.equal(problem(401, "{}").message, "Your session has ended. Please sign in again.");
});
