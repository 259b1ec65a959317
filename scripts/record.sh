#!/usr/bin/env bash
# Measures what is kept: the standard table, one to N shards, the generators themselves, the layers, instructions. Writes
# benches/record/MACHINE/DATE.md and .json.
# Takes the variables of scripts/bench.sh; LAYERS="parse slot" for fewer layers, SCALE="get-p16" for
# other workloads on more cores, RECORD=FOLDER for another place.
# Everything that was measured goes in, what is worse than before or than Redis too.
set -euo pipefail
cd "$(dirname "$0")/.."
began=$(date +%s)
layers=${LAYERS:-parse slot lookup execute mesh record rdb}
scale=${SCALE:-get-p1 get-p16 set-p16}

read_first() { cat "$1" 2>/dev/null || echo "$2"; }
model=$(sed -n 's/^model name\s*: //p' /proc/cpuinfo | head -n 1)
slug() { tr '[:upper:]' '[:lower:]' | sed 's/(r)\|(tm)//g; s/[^a-z0-9.]\+/-/g; s/^-\|-$//g'; }
machine=$(echo "${model:-unknown} $(nproc) cpus linux $(uname -r | cut -d . -f 1-2)" | slug)
folder=${RECORD:-benches/record}/$machine
mkdir -p "$folder" target
name=$(date +%Y-%m-%d)
number=1
while [ -e "$folder/$name.md" ]; do
    number=$((number + 1))
    name=$(date +%Y-%m-%d)-$number
done

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
commit=$(git rev-parse --short HEAD)
[ -z "$(git status --porcelain --untracked-files=no)" ] || commit="$commit with changes that are not committed"
command="make record"
for variable in ROUNDS WARMUP KEYS WORKLOADS CONTROL LAYERS SCALE; do
    [ -z "${!variable:-}" ] || command="$command $variable='${!variable}'"
done
[ -z "${SECONDS_EACH:-}" ] || command="$command SECONDS='$SECONDS_EACH'"

virtual=$(systemd-detect-virt 2>/dev/null || true)
[ -n "$virtual" ] || virtual=$(lscpu | sed -n 's/^Hypervisor vendor: *//p')
cat >"$work/facts" <<FACTS
commit: $commit
command: $command
processor: ${model:-unknown}, $(nproc) CPUs
memory: $(awk '/^MemTotal/ { printf "%.0f GiB", $2 / 1048576 }' /proc/meminfo)
virtualised: ${virtual:-no}
kernel: $(uname -r)
governor: $(read_first /sys/devices/system/cpu/cpu0/cpufreq/scaling_governor "not visible")
congestion control: $(read_first /proc/sys/net/ipv4/tcp_congestion_control unknown)
transparent huge pages: $(read_first /sys/kernel/mm/transparent_hugepage/enabled unknown)
compiler: $(rustc --version)
load before: $(cut -d ' ' -f 1-3 /proc/loadavg)
FACTS

echo "== the standard table"
# A workload that fails is in the table as such; the rest is kept all the same.
failed=0
OUTPUT=$work/table scripts/bench.sh 2>&1 | tee "$work/bench.log" || failed=1
[ -e "$work/table.md" ] || { echo "the table could not be measured" >&2; exit 1; }

echo "== more cores"
for workload in $scale; do
    WORKLOAD=$workload OUTPUT=$work/scale.$workload scripts/scale.sh || failed=1
done
echo "== generators"
benches/generators.py --rounds "${ROUNDS:-9}" --seconds "${SECONDS_EACH:-1}" --json "$work/generators.json" \
    --generator "${CARGO_TARGET_DIR:-target}/release/basalt-load" | tee "$work/generators"
for layer in $layers; do
    echo "== $layer"
    cargo bench --quiet --bench "$layer" 2>&1 | tee "$work/layer.$layer"
done
echo "== instructions"
cargo bench --quiet --bench instructions -- --json "$work/instructions.json" | tee "$work/instructions"

{
    echo "# $name"
    echo
    sed 's/^\([^:]*\): \(.*\)/- \1: \2/' "$work/facts"
    echo "- load after: $(cut -d ' ' -f 1-3 /proc/loadavg); took $((($(date +%s) - began) / 60)) minutes"
    echo
    echo "Everything that was measured is here, worse figures too. Ratios are Basalt's over Redis' in the same round."
    echo
    echo "## The standard table"
    echo
    sed -n '/ workloads, .* servers, /,/^took/p' "$work/bench.log" | sed -n '1,3p'
    echo
    cat "$work/table.md"
    echo
    echo "## More cores"
    for workload in $scale; do
        echo
        cat "$work/scale.$workload.md" || echo "$workload could not be measured"
    done
    echo
    echo "## The generators themselves"
    echo
    cat "$work/generators"
    echo
    echo "## Instructions by callgrind"
    echo
    cat "$work/instructions"
    for layer in $layers; do
        printf '\n## Layer: %s\n\n```text\n' "$layer"
        cat "$work/layer.$layer"
        echo '```'
    done
} >"$folder/$name.md"

# Of single rounds only figures: curves and timelines would be megabytes, and what was asked is the workload's.
python3 - "$work" "$folder/$name.json" <<'PYTHON'
import glob, json, sys

FIGURES = {
    "seconds", "requests", "errors", "unanswered", "requests_per_second", "latency_us", "cpu_us_per_request",
    "cpu_percent", "other_cpu_percent", "server", "ended", "failure",
}
work, path = sys.argv[1:]
table = json.load(open(f"{work}/table.json"))
for workload in table["workloads"]:
    for server in workload["servers"]:
        for run in server["rounds"]:
            for name in set(run) - FIGURES:
                del run[name]
facts = dict(line.rstrip("\n").split(": ", 1) for line in open(f"{work}/facts"))
document = {
    "facts": facts,
    "table": table,
    "scale": [json.load(open(file)) for file in sorted(glob.glob(f"{work}/scale.*.json"))],
    "generators": json.load(open(f"{work}/generators.json")),
    "instructions": json.load(open(f"{work}/instructions.json")),
}
json.dump(document, open(path, "w"), indent=1)
PYTHON
echo "$folder/$name.md and $name.json"
exit "$failed"
