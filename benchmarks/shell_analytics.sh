#!/bin/sh
# The shell way: daily analytics of task records by jq, from JSON lines to one document a day.
#
# Belongs here: what operators would write for the same figures of the same records: texts trimmed,
# null tokens no values, times in UTC or with an offset, each task once. It lets epochs, quarantine
# and copies of a state be, and holds all records in memory at the end: jq groups nothing otherwise.
#
#   shell_analytics.sh OUTPUT FILE...
set -eu
output=$1
shift
cat "$@" | jq -c '
  def text: if type == "string" then gsub("^[ \t\r\n]+|[ \t\r\n]+$"; "")
      | if (ascii_downcase | IN("", "none", "null", "n/a", "nan")) then null else . end
    elif type == "number" or type == "boolean" then tostring else null end;
  def moment: text | if . == null then null
    elif test("[+-][0-9]{2}:?[0-9]{2}$") then
      capture("^(?<at>.*[0-9])(?<sign>[+-])(?<hours>[0-9]{2}):?(?<minutes>[0-9]{2})$")
      | (.hours | tonumber * 3600) + (.minutes | tonumber * 60) as $offset
      | (try (.at + "Z" | fromdateiso8601) catch null) as $local
      | if $local == null then null elif .sign == "+" then $local - $offset else $local + $offset end
    else (try fromdateiso8601 catch null) end;
  {
    id: ((.task_id | text) // (.id | text)),
    status: (.status | text | if . then ascii_downcase else . end
      | if . == "canceled" then "cancelled" else . end),
    master: ((.assigned_to | text) // (.master | text) // "unknown" | ascii_downcase),
    type: ((.type | text) // (.task_type | text) // "unknown" | ascii_downcase),
    began: ((.created_at // .metadata.created_at?) | moment),
    ended: ((.completed_at // .metadata.completed_at?) | moment),
    at: ([.timestamp, .created_at, .assigned_at, .started_at, .updated_at, .completed_at, .cancelled_at]
      | map(moment) | max)
  }
  | select(.id and .status and .at)
  | .took = (if .status == "completed" and .began and .ended and .ended >= .began
      then .ended - .began else null end)
' | jq -s -c '
  def percentile(p): ((length - 1) * p) as $place | ($place | floor) as $low
    | if length == 0 then null
      else .[$low] + (.[[$low + 1, length - 1] | min] - .[$low]) * ($place - $low) end;
  def of(s): map(select(.status == s)) | length;
  def summary: length as $all | of("completed") as $done | of("failed") as $failed
    | map(.took | values) as $took | {
      total_tasks: $all, completed_tasks: $done, failed_tasks: $failed, cancelled_tasks: of("cancelled"),
      completion_rate: (100 * $done / $all),
      success_rate: (if $done + $failed > 0 then 100 * $done / ($done + $failed) else null end),
      avg_duration_seconds: (if $took == [] then null else ($took | add / length) end)
    };
  def performance: (map(.took | values) | sort) as $took | {
    p50_duration: ($took | percentile(0.5)), p95_duration: ($took | percentile(0.95)),
    p99_duration: ($took | percentile(0.99)),
    fast_tasks: ($took | map(select(. < 30)) | length),
    normal_tasks: ($took | map(select(. >= 30 and . <= 60)) | length),
    slow_tasks: ($took | map(select(. > 60)) | length)
  };
  group_by(.id) | map(max_by(.at)) | group_by(.at / 86400 | floor)[]
  | {
    date: (.[0].at | todate[0:10]), layer: "gold", summary: summary,
    by_master: (group_by(.master) | map({master: .[0].master} + summary)),
    by_status: (group_by(.status) | map({status: .[0].status, total_tasks: length})),
    by_type: (group_by(.type) | map({type: .[0].type} + summary)),
    performance: performance
  }
' > "$output"
