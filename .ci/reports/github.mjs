// Checks recorded requests against GitHub's description of its interface.
// Usage: github.mjs REQUESTS.jsonl FOLDER-WITH-NODE-MODULES
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
const require = createRequire(process.argv[3] ? process.argv[3] + "/" : import.meta.url);
const Ajv = require("ajv").default ?? require("ajv");
const api = JSON.parse(readFileSync(require.resolve("@octokit/openapi/generated/api.github.com.deref.json"), "utf8"));
const ajv = new Ajv({ strict: false, coerceTypes: true, logger: false });
const routes = Object.entries(api.paths).map(([path, item]) => ({
  path, item, pattern: new RegExp("^" + path.replace(/[.*+?^$()|[\]\\]/g, "\\$&").replace(/\{[^}]+\}/g, "([^/]+)") + "$"),
  names: [...path.matchAll(/\{([^}]+)\}/g)].map((m) => m[1]),
}));
function check(request) {
  const url = new URL(request.path, "https://api.github.com");
  const problems = [];
  const fits = routes.filter((r) => r.pattern.test(url.pathname) && r.item[request.method.toLowerCase()]);
  // A literal path goes before one with a parameter in its place.
  const route = fits.sort((a, b) => a.names.length - b.names.length)[0];
  if (!route) problems.push("no such operation");
  else {
    const operation = route.item[request.method.toLowerCase()];
    if (operation.deprecated) problems.push("deprecated");
    const values = route.pattern.exec(url.pathname).slice(1).map(decodeURIComponent);
    const parameters = [...(route.item.parameters ?? []), ...(operation.parameters ?? [])];
    for (const parameter of parameters) {
      const value = parameter.in === "path" ? values[route.names.indexOf(parameter.name)] : parameter.in === "query" ? url.searchParams.get(parameter.name) : undefined;
      if (value === undefined || value === null) { if (parameter.required && parameter.in !== "header") problems.push(`no ${parameter.name}`); continue; }
      const holder = { type: "object", properties: { v: parameter.schema } };
      if (!ajv.validate(holder, { v: value })) problems.push(`${parameter.name}: ${ajv.errorsText()}`);
    }
    const known = new Set(parameters.filter((p) => p.in === "query").map((p) => p.name));
    for (const name of url.searchParams.keys()) if (!known.has(name)) problems.push(`unknown parameter ${name}`);
    const schema = operation.requestBody?.content?.["application/json"]?.schema;
    if (schema) {
      if (request.body === null) { if (operation.requestBody.required) problems.push("no body"); }
      else {
        if (!ajv.validate(schema, structuredClone(request.body))) problems.push(`body: ${ajv.errorsText()}`);
        if (schema.properties) for (const key of Object.keys(request.body)) if (!(key in schema.properties)) problems.push(`unknown field ${key}`);
      }
    } else if (request.body !== null) problems.push("a body where there is none");
  }
  return problems;
}
// What is plainly wrong must be found.
for (const request of [
  { method: "POST", path: "/repos/o/r/issues/7/comments", body: {} },
  { method: "POST", path: "/repos/o/r/issues/7/comments", body: { body: "x", bdy: 1 } },
  { method: "GET", path: "/repos/o/r/issues/7/comments?page_size=9", body: null },
  { method: "PUT", path: "/repos/o/r/issues/comments/7", body: { body: "x" } },
]) if (!check(request).length) throw new Error(`not found to be wrong: ${JSON.stringify(request)}`);
let wrong = 0, count = 0;
for (const line of readFileSync(process.argv[2], "utf8").split("\n").filter(Boolean)) {
  const request = JSON.parse(line);
  const problems = check(request);
  count += 1;
  if (problems.length) { wrong += 1; console.error(request.method, request.path, problems.join("; ")); }
}
console.log(`${count} requests to GitHub, ${wrong} wrong`);
process.exit(wrong || !count ? 1 : 0);
