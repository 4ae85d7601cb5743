// Sessions of players whose pages were killed.
import { OpenSessions } from "./open_sessions.js";
import { Outbox } from "./outbox.js";

/** End those of `person`, an id. */
export async function endLeftovers(person) {
  const sessions = new OpenSessions(person);
  const { dead } = await sessions.others();
  if (dead.length) sessions.end(dead, new Outbox(person));
}
