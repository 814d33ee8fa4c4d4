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

# The revision before this change.
find_base() {
  if [ -n "${GITHUB_BASE_REF:-}" ]; then
    base=$(git merge-base HEAD "origin/$GITHUB_BASE_REF" 2>/dev/null) || {
      problem="the base of this pull request is not here: check out with fetch-depth: 0"
      return 1
    }
    # As under pull_request_target: there would be no change, and all be well.
    [ "$base" != "$(git rev-parse HEAD)" ] || {
      problem="this checkout is the base and not the pull request: use the event pull_request"
      return 1
    }
  else
    # A merge queue or a push tells where it started; a new branch does not.
    base=${EVENT_BASE:-}
    [ -n "${base//0/}" ] || base=HEAD~1
    git rev-parse --quiet --verify "$base^{commit}" >/dev/null || {
      problem="the revision $base before this change is not here: check out with fetch-depth: 0"
      return 1
    }
  fi
}

check() {
  local arguments=(check --format github)
  arguments+=(--report "json=$work/impact.json" --report "html=$work/impact.html")
  arguments+=(--report "sarif=$work/impact.sarif" --report "junit=$work/impact.xml")
  [ -n "$before" ] && arguments+=(--before "$before")
  [ -n "$after" ] && arguments+=(--after "$after")
  [ -n "${INPUT_FLOWS:-}" ] && arguments+=(--flows "$INPUT_FLOWS")
  [ -n "${INPUT_APPROVE:-}" ] && arguments+=(--approve "$INPUT_APPROVE")
  [ -n "${INPUT_ASSUME:-}" ] && arguments+=(--assume "$INPUT_ASSUME")
  [ -n "${INPUT_FAIL_ON:-}" ] && arguments+=(--fail-on "$INPUT_FAIL_ON")
  [ "${INPUT_CHANGED:-false}" = true ] && arguments+=(--changed)
  # Words of `options` are split at blanks.
  # shellcheck disable=SC2206
  [ -n "${INPUT_OPTIONS:-}" ] && arguments+=(${INPUT_OPTIONS})
  "$fwimpact" "${arguments[@]}" 2>"$work/errors.txt"
}

code=0
problem=
# The configurations of this checkout against those of the base.
if [ -n "${INPUT_PATH:-}" ] && ! find_base; then
  echo "error: $problem" >"$work/errors.txt"
  echo "::error title=fwimpact::$problem"
  code=1
else
  if [ -n "${INPUT_PATH:-}" ]; then
    before=${before:-git:$base:$INPUT_PATH}
    after=${after:-$INPUT_PATH}
  fi
  check
  code=$?
fi
cat "$work/errors.txt" >&2
# What went wrong is told where people look.
if [ "$code" -gt 0 ] && [ "$code" -lt 10 ] && [ -n "${GITHUB_STEP_SUMMARY:-}" ]; then
  {
    echo "### ⛔ fwimpact: the change could not be checked"
    echo
    sed 's/^/    /' "$work/errors.txt"
  } >>"$GITHUB_STEP_SUMMARY"
fi

if [ "${INPUT_COMMENT:-true}" = true ] && [ -n "${GITHUB_BASE_REF:-}" ]; then
  comment=(comment "$work/impact.json" --failed "$work/errors.txt" --key "${INPUT_KEY:-default}")
  [ -n "${INPUT_LABEL:-}" ] && comment+=(--label "$INPUT_LABEL")
  [ -n "${GITHUB_STEP_SUMMARY:-}" ] && comment+=(--in-summary)
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
