// The rules of the pack's JavaScript. `python3 dev.py test` installs eslint in .cache and names that folder in NODE_PATH,
// which `require` reads and `import` does not; after `npm install` here an editor finds the same packages by itself.
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const js = require("@eslint/js");
const globals = require("globals");

const TEXT_ONLY = "Text goes into the page through web/shared/dom.js, so that no prompt is read as markup.";
const MARKUP = ["innerHTML", "outerHTML", "insertAdjacentHTML", "createContextualFragment", "setHTMLUnsafe", "srcdoc"];

export default [
  { ignores: ["**/node_modules/", ".*/", "output/"] },
  js.configs.recommended,
  {
    languageOptions: { ecmaVersion: 2022, sourceType: "module" },
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: {
      "eqeqeq": "error",
      "no-control-regex": "off", // the grammar of edits knows them as white space
      "no-eval": "error",
      "no-extend-native": "error",
      "no-implied-eval": "error",
      "no-new-func": "error",
      "no-script-url": "error",
      "no-unused-vars": ["error", { argsIgnorePattern: "^_" }],
      "no-var": "error",
      "prefer-const": "error",
      "no-restricted-properties": [
        "error",
        ...MARKUP.map((property) => ({ property, message: TEXT_ONLY })),
        { object: "document", property: "write", message: TEXT_ONLY },
        { object: "document", property: "writeln", message: TEXT_ONLY },
      ],
      "no-restricted-globals": ["error", { name: "DOMParser", message: TEXT_ONLY }],
      "no-restricted-syntax": [
        "error",
        // As a name that is handed to a function: Object.assign(node, { innerHTML }), node[name], setAttribute("srcdoc", …)
        { selector: `Property[key.name=/^(${MARKUP.join("|")})$/]`, message: TEXT_ONLY },
        { selector: `Literal[value=/^(${MARKUP.join("|")})$/]`, message: TEXT_ONLY },
      ],
    },
  },
  { files: ["web/**/*.js"], languageOptions: { globals: globals.browser } },
  { files: ["tests/web/**/*.js", "eslint.config.js"], languageOptions: { globals: globals.node } },
  // The names of what is forbidden stand here.
  { files: ["eslint.config.js"], rules: { "no-restricted-syntax": "off" } },
];
