#!/usr/bin/env bash
# One check of a pull request and its comment; what action.yml runs.
#
# Settings come as variables (INPUT_*, see action.yml). FWIMPACT names the program.
# Gives the exit code of the check, 1 if the comment failed where the check did not.
set -uo pipefail

fwimpact=${FWIMPACT:-fwimpact}
work=${FWIMPACT_REPORTS:-${RUNNER_TEMP:-/tmp}/fwimpact}
mkdir -p "$work"
rm -f "$work"/impact.* "$work/errors.txt"

before=${INPUT_BEFORE:-}
after=${INPUT_AFTER:-}
if [ -n "${INPUT_PATH:-}" ]; then
  # The configurations of this checkout against those of the base.
  if [ -n "${GITHUB_BASE_REF:-}" ]; then
    base=$(git merge-base HEAD "origin/$GITHUB_BASE_REF") || {
      echo "::error title=fwimpact::the base of this pull request is not here: check out with fetch-depth: 0"
      exit 1
    }
  else
    base=HEAD~1
  fi
  before=${before:-git:$base:$INPUT_PATH}
  after=${after:-$INPUT_PATH}
fi

arguments=(check --format github)
arguments+=(--report "json=$work/impact.json" --report "html=$work/impact.html")
arguments+=(--report "sarif=$work/impact.sarif" --report "junit=$work/impact.xml")
[ -n "$before" ] && arguments+=(--before "$before")
[ -n "$after" ] && arguments+=(--after "$after")
[ -n "${INPUT_FLOWS:-}" ] && arguments+=(--flows "$INPUT_FLOWS")
[ -n "${INPUT_APPROVE:-}" ] && arguments+=(--approve "$INPUT_APPROVE")
[ -n "${INPUT_ASSUME:-}" ] && arguments+=(--assume "$INPUT_ASSUME")
[ -n "${INPUT_FAIL_ON:-}" ] && arguments+=(--fail-on "$INPUT_FAIL_ON")
[ "${INPUT_CHANGED:-false}" = true ] && arguments+=(--changed)

"$fwimpact" "${arguments[@]}" 2>"$work/errors.txt"
code=$?
cat "$work/errors.txt" >&2

if [ "${INPUT_COMMENT:-true}" = true ] && [ -n "${GITHUB_BASE_REF:-}" ]; then
  comment=(comment "$work/impact.json" --failed "$work/errors.txt" --key "${INPUT_KEY:-default}")
  [ -n "${INPUT_LABEL:-}" ] && comment+=(--label "$INPUT_LABEL")
  [ -s "$work/impact.json" ] && comment+=(--in-summary)
  "$fwimpact" "${comment[@]}" || { [ "$code" = 0 ] && code=1; }
fi

if [ -n "${GITHUB_OUTPUT:-}" ]; then
  {
    echo "exit-code=$code"
    echo "reports=$work"
    [ -s "$work/impact.sarif" ] && echo "sarif=$work/impact.sarif"
  } >>"$GITHUB_OUTPUT"
fi
[ "${INPUT_EXIT_ZERO:-false}" = true ] && [ "$code" -ge 10 ] && code=0
exit "$code"
