#!/bin/sh
# The shell way: daily analytics of task records by jq, from JSON lines to one document a day.
#
# Belongs here: what operators would write for the same figures of the same records: texts trimmed,
# null tokens no values, times in UTC or with an offset, each task once. Patterns are matched only
# where a value needs it: they are what jq is slow at. It lets epochs, quarantine and copies of a
# state be, and holds all tasks in memory at the end: jq groups nothing otherwise.
#
#   shell_analytics.sh OUTPUT FILE...
set -eu
output=$1
shift
cat "$@" | jq -c '
  def blank: startswith(" ") or startswith("\t") or startswith("\n") or startswith("\r")
    or endswith(" ") or endswith("\t") or endswith("\n") or endswith("\r");
  def text: if type == "string" then (if blank then gsub("^[ \t\r\n]+|[ \t\r\n]+$"; "") else . end)
      | if utf8bytelength > 4 then .
        elif (ascii_downcase | IN("", "none", "null", "n/a", "nan")) then null else . end
    elif type == "number" or type == "boolean" then tostring else null end;
  def moment: if type == "string" and length == 20 and endswith("Z") then .
    else text | if . == null then null
      elif test("[+-][0-9]{2}:?[0-9]{2}$") then
        capture("^(?<at>.*[0-9])(?<sign>[+-])(?<hours>[0-9]{2}):?(?<minutes>[0-9]{2})$")
        | (.hours | tonumber * 3600) + (.minutes | tonumber * 60) as $offset
        | (try (.at + "Z" | fromdateiso8601) catch null) as $local
        | if $local == null then null
          elif .sign == "+" then $local - $offset | todate else $local + $offset | todate end
      else (try (fromdateiso8601 | todate) catch null) end end;
  ((.task_id | text) // (.id | text)) as $id
  | (.status | text | if . then ascii_downcase else . end
      | if . == "canceled" then "cancelled" else . end) as $status
  | ((.created_at // .metadata.created_at?) | moment) as $began
  | ((.completed_at // .metadata.completed_at?) | moment) as $ended
  | ([$began, $ended,
      (.timestamp, .assigned_at, .started_at, .updated_at, .cancelled_at | values | moment)]
      | max) as $at
  | select($id and $status and $at)
  | [
    $id, $at, $status,
    ((.assigned_to | text) // (.master | text) // "unknown" | ascii_downcase),
    ((.type | text) // (.task_type | text) // "unknown" | ascii_downcase),
    (if $status == "completed" and $began and $ended and $ended >= $began
      then ($ended | fromdateiso8601) - ($began | fromdateiso8601) else null end)
  ]
' | jq -s -c '
  def percentile(p): ((length - 1) * p) as $place | ($place | floor) as $low
    | if length == 0 then null
      else .[$low] + (.[[$low + 1, length - 1] | min] - .[$low]) * ($place - $low) end;
  def summary:
    (reduce .[] as $task ([0, 0, 0, 0, 0];
      if $task[2] == "completed" then
        .[0] += 1 | if $task[5] then .[3] += $task[5] | .[4] += 1 else . end
      elif $task[2] == "failed" then .[1] += 1
      elif $task[2] == "cancelled" then .[2] += 1 else . end
    )) as [$done, $failed, $cancelled, $took, $known]
    | {
      total_tasks: length, completed_tasks: $done, failed_tasks: $failed,
      cancelled_tasks: $cancelled, completion_rate: (100 * $done / length),
      success_rate: (if $done + $failed > 0 then 100 * $done / ($done + $failed) else null end),
      avg_duration_seconds: (if $known > 0 then $took / $known else null end)
    };
  def performance: (map(.[5] | values) | sort) as $took | {
    p50_duration: ($took | percentile(0.5)), p95_duration: ($took | percentile(0.95)),
    p99_duration: ($took | percentile(0.99)),
    fast_tasks: ($took | map(select(. < 30)) | length),
    normal_tasks: ($took | map(select(. >= 30 and . <= 60)) | length),
    slow_tasks: ($took | map(select(. > 60)) | length)
  };
  reduce .[] as $task ({};
    .[$task[0]] as $known | if $known and $known[1] >= $task[1] then . else .[$task[0]] = $task end)
  | [.[]] | group_by(.[1][:10])[]
  | {
    date: .[0][1][:10], layer: "gold", summary: summary,
    by_master: (group_by(.[3]) | map({master: .[0][3]} + summary)),
    by_status: (group_by(.[2]) | map({status: .[0][2], total_tasks: length})),
    by_type: (group_by(.[4]) | map({type: .[0][4]} + summary)),
    performance: performance
  }
' > "$output"
