// What ESLint checks in the browser modules. Prettier decides on layout, and tsc (jsconfig.json) checks types.
import js from "@eslint/js";
import globals from "globals";

const MODULES = "pod_jobs/web/static/js";

// Folder -> the folders beside it that it may import from; the same one-way rule as in tests/test_architecture.py.
const MAY_IMPORT = {
  pages: ["pages", "video", "player", "captions", "xapi", "shared"],
  video: ["video", "player", "shared"],
  captions: ["captions", "shared"],
  player: ["player", "shared"],
  xapi: ["xapi", "shared"],
  shared: ["shared"],
};

const imports = Object.entries(MAY_IMPORT).map(([folder, allowed]) => ({
  files: [`${MODULES}/${folder}/*.js`],
  rules: {
    "no-restricted-imports": [
      "error",
      {
        patterns: Object.keys(MAY_IMPORT)
          .filter((other) => !allowed.includes(other))
          .map((other) => ({ group: [`**/${other}/*`], message: `${folder}/ may import from ${allowed.join(", ")}.` })),
      },
    ],
  },
}));

export default [
  js.configs.recommended,
  {
    languageOptions: { ecmaVersion: 2024, sourceType: "module" },
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: {
      complexity: ["error", 18],
      eqeqeq: ["error", "always", { null: "ignore" }],
      "func-style": ["error", "declaration", { allowArrowFunctions: true }],
      "max-len": ["error", { code: 120 }],
      "max-lines": ["error", 400],
      "max-lines-per-function": ["error", 60],
      "max-params": ["error", 6],
      "no-console": "error",
      "no-duplicate-imports": "error",
      "no-shadow": "error",
      "no-unused-vars": ["error", { args: "none" }],
      "no-var": "error",
      "object-shorthand": "error",
      "prefer-const": ["error", { destructuring: "all" }],
    },
  },
  { files: [`${MODULES}/**/*.js`], languageOptions: { globals: globals.browser } },
  { files: ["tests/javascript/**"], languageOptions: { globals: globals.node } },
  ...imports,
];
