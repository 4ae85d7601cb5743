// Statements of the xAPI Video Profile 1.0.3 (https://w3id.org/xapi/video), without an actor: the server names it.

const PROFILE = "https://w3id.org/xapi/video";
const EXTENSION = `${PROFILE}/extensions/`;
const ADL = "http://adlnet.gov/expapi/verbs/";
const VERBS = {
  initialized: `${ADL}initialized`,
  played: `${PROFILE}/verbs/played`,
  paused: `${PROFILE}/verbs/paused`,
  seeked: `${PROFILE}/verbs/seeked`,
  interacted: `${ADL}interacted`,
  completed: `${ADL}completed`,
  terminated: `${ADL}terminated`,
};

/**
 * A statement without an actor. `instant` is in ms since 1970. `result` and `context` hold extensions of the profile by
 * their short names; `more` holds other fields of the result, such as its completion.
 * @param {any} said
 */
export function buildStatement(said) {
  const { id = uuid(), verb, instant, activity, title, registration, result, context, more = {} } = said;
  return {
    id,
    timestamp: new Date(instant).toISOString(),
    verb: { id: VERBS[verb], display: { en: verb } },
    object: {
      objectType: "Activity",
      id: activity,
      definition: { type: `${PROFILE}/activity-type/video`, name: { und: title } },
    },
    ...(result && { result: { ...more, extensions: extensions(result) } }),
    context: {
      registration,
      contextActivities: { category: [{ id: PROFILE }] },
      extensions: extensions(context),
    },
  };
}

/** A random UUID. Pages over plain HTTP do not have crypto.randomUUID. */
export function uuid() {
  if (crypto.randomUUID) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

function extensions(values) {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [EXTENSION + name, value]));
}
