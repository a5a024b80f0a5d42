#!/bin/sh
# Starts three daemons on the database of FLOWTRIGGER_STORE, on ports 8101 to 8103, and stops them when it ends (Ctrl-C).
# `start.sh 2` starts only the second one. Logs and data are in data/1 to data/3.
set -u
cd "$(dirname "$0")" || exit 1
: "${FLOWTRIGGER_STORE:?is not set: the URL of the database, such as postgres://flowtrigger:PASSWORD@127.0.0.1/flowtrigger}"
program=${FLOWTRIGGER:-flowtrigger}

start() {
    mkdir -p data
    mkdir -p -m 700 "data/$1"
    "$program" daemon --rules rules/ --config flowtrigger.yaml --data "data/$1" \
        --listen "127.0.0.1:$((8100 + $1))" --page "127.0.0.1:$((8200 + $1))" 2>>"data/$1/log" &
    pids="$pids $!"
    echo "daemon $1: process $!, events at 127.0.0.1:$((8100 + $1)), page at 127.0.0.1:$((8200 + $1)), log in data/$1/log"
}

pids=
# A daemon gives its active runs 30 s to end. What has not ended then is continued by the others.
trap 'trap "" INT TERM; kill $pids 2>/dev/null; wait; exit 0' INT TERM
for number in ${*:-1 2 3}; do
    start "$number"
done
wait
