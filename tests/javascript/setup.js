// Loaded before the tests of the browser modules: the little of a page that those modules need when they are imported.
import module from "node:module";
import { resolve } from "./resolve.js";

if (module.registerHooks) module.registerHooks({ resolve });
else module.register("./resolve.js", import.meta.url); // Node 20

const nothing = () => null;
globalThis.document = { documentElement: { lang: "en" }, getElementById: nothing, querySelector: nothing };
